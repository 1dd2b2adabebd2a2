//! Checks how the values of options are read.

use super::*;

#[test]
fn sizes_are_checked() {
    assert_eq!(layers("1,4, 3 ,1"), Ok(Sizes(vec![1, 4, 3, 1])));
    assert_eq!(sizes("128"), Ok(Sizes(vec![128])));
    assert_eq!(
        layers("3").unwrap_err(),
        "expected at least 2 sizes (inputs, outputs), got 1"
    );
    assert_eq!(layers("1,1"), Ok(Sizes(vec![1, 1])));
    for (text, got) in [("2,1", "2 and 1"), ("1,3", "1 and 3"), ("2,4,2", "2 and 2")] {
        assert_eq!(
            layers(text).unwrap_err(),
            format!("expected 1 input and 1 output, as the notebook's samples have, got {got}")
        );
    }
    assert_eq!(
        layers("1,0,1").unwrap_err(),
        "expected sizes of at least 1, got 0 at position 2"
    );
    assert_eq!(
        layers("1,,1").unwrap_err(),
        "size 2: cannot parse integer from empty string"
    );
    assert_eq!(layers("1,-2").unwrap_err(), "size 2: invalid digit found in string");
    assert!(layers("1,99999999999999999999").unwrap_err().contains("too large"));
}

#[test]
fn every_activation_is_known_by_its_name() {
    for name in ActivationKind::<NoCustom>::NAMES {
        assert_eq!(activation(name).unwrap().name(), *name);
    }
}

#[test]
fn numbers_are_checked() {
    assert_eq!(learning_rate("1e-3"), Ok(1e-3));
    for text in ["0", "-0", "-1", "nan", "inf", "-inf", "1e999", "abc", ""] {
        assert_eq!(
            learning_rate(text).unwrap_err(),
            format!("expected a finite number above 0, got `{text}`")
        );
    }
    for text in ["nan", "-inf", "1e999", "abc", ""] {
        assert_eq!(
            finite(text).unwrap_err(),
            format!("expected a finite number, got `{text}`")
        );
    }
    assert_eq!(finite("-0.5"), Ok(-0.5));
    for (text, shown) in [
        ("a\nb\u{1b}[31m", r"`a\nb\u{1b}[31m`".to_owned()),
        (&"é".repeat(70), format!("`{}…`", "é".repeat(60))),
    ] {
        assert_eq!(
            finite(text).unwrap_err(),
            format!("expected a finite number, got {shown}")
        );
    }
}
