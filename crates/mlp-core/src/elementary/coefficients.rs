//! The coefficients of the polynomials, printed by `coefficients.py` beside this file.

/// The coefficients of the polynomials for one number type, the constant term first.
pub(crate) trait Coefficients: Sized + 'static {
    /// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2.
    const EXP: &'static [Self];
    /// (2 artanh(s)/s - 2) / s^2, as a function of s^2, for |s| <= (sqrt(2) - 1) / (sqrt(2) + 1).
    const LN: &'static [Self];
    /// (erfc(x) e^(x^2) (x + a) - a) / x with a = 1/sqrt(pi), from x = 0 to where erfc(x) underflows, approximated
    /// by the quotient of `ERFC_NUMERATOR` and `ERFC_DENOMINATOR`. All coefficients are positive, so nothing cancels.
    const ERFC_NUMERATOR: &'static [Self];
    const ERFC_DENOMINATOR: &'static [Self];
}

// Relative errors before the coefficients are rounded: exp 2^-26.2, ln 2^-30.2, erfc 2^-27.0.
impl Coefficients for f32 {
    const EXP: &'static [Self] = &[0.5, 0.166_665_43, 0.041_666_284, 0.008_366_586, 0.001_394_641_8];
    const LN: &'static [Self] = &[0.666_667_76, 0.399_775_4, 0.298_718_48];
    const ERFC_NUMERATOR: &'static [Self] = &[0.363_380_4, 0.328_418_37, 0.135_157_78, 0.025_159_724];
    const ERFC_DENOMINATOR: &'static [Self] = &[1.0, 2.456_420_4, 2.601_671_5, 1.512_321, 0.494_460_7, 0.079_048];
}

// Relative errors before the coefficients are rounded: exp 2^-55.6, ln 2^-59.5, erfc 2^-54.0.
impl Coefficients for f64 {
    const EXP: &'static [Self] = &[
        0.500_000_000_000_000_6,
        0.166_666_666_666_666_85,
        0.041_666_666_666_576_17,
        0.008_333_333_333_314_88,
        0.001_388_888_893_175_763_8,
        0.000_198_412_699_025_165_55,
        2.480_150_505_027_391_3e-5,
        2.755_722_834_438_338_5e-6,
        2.762_612_274_851_347e-7,
        2.511_436_544_446_852e-8,
    ];
    const LN: &'static [Self] = &[
        0.666_666_666_666_673_4,
        0.399_999_999_994_142_9,
        0.285_714_287_424_874_54,
        0.222_221_985_619_807_97,
        0.181_835_649_502_364_55,
        0.153_140_336_190_723_84,
        0.147_961_281_255_788_34,
    ];
    const ERFC_NUMERATOR: &'static [Self] = &[
        0.363_380_227_632_417_1,
        0.659_619_280_232_625_8,
        0.592_780_020_588_859,
        0.336_579_477_901_776_56,
        0.130_823_402_000_051_4,
        0.035_542_185_264_784_27,
        0.006_606_972_383_327_238,
        0.000_774_738_283_788_530_6,
        4.472_648_626_716_984_6e-5,
    ];
    const ERFC_DENOMINATOR: &'static [Self] = &[
        1.0,
        3.367_846_599_012_345_6,
        5.276_283_701_000_421_5,
        5.077_529_042_308_93,
        3.334_629_144_500_655,
        1.567_842_472_431_865_6,
        0.537_095_814_034_428_9,
        0.133_218_050_097_134_28,
        0.023_094_028_672_673_392,
        0.002_558_437_974_473_578,
        0.000_140_512_400_671_551_76,
    ];
}

/// (sin(r) - r) / r^3, as a function of r^2, for |r| <= pi/4; relative error 2^-58.0.
pub(crate) const SIN: &[f64] = &[
    -0.166_666_666_666_666_32,
    0.008_333_333_333_322_42,
    -0.000_198_412_698_298_121_82,
    2.755_731_369_344_125_3e-6,
    -2.505_075_835_858_56e-8,
    1.589_681_012_760_451_2e-10,
];

/// (cos(r) - 1 + r^2/2) / r^4, as a function of r^2, for |r| <= pi/4; relative error 2^-64.2.
pub(crate) const COS: &[f64] = &[
    0.041_666_666_666_666_6,
    -0.001_388_888_888_887_413_1,
    2.480_158_728_948_710_4e-5,
    -2.755_731_435_380_878_4e-7,
    2.087_572_348_074_084_5e-9,
    -1.135_965_888_566_790_2e-11,
];

/// (atan(s) - s) / s^3, as a function of s^2, for |s| <= tan(pi/8); relative error 2^-59.5.
pub(crate) const ATAN: &[f64] = &[
    -0.333_333_333_333_332,
    0.199_999_999_999_540_38,
    -0.142_857_142_802_439_7,
    0.111_111_107_859_037_67,
    -0.090_908_978_295_074_44,
    0.076_920_615_099_134_86,
    -0.066_631_188_968_979_63,
    0.058_479_978_103_785_41,
    -0.050_397_942_440_294_115,
    0.038_076_988_854_720_3,
    -0.017_920_789_795_466_72,
];
