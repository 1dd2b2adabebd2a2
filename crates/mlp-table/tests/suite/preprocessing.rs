//! What becomes of the values.

use crate::{fitted, table, table_of};
use mlp_table::{Columns, FeatureScaling, Inference, Kind, Preprocessing, PreprocessingOptions};

/// Features that are not scaled, because only categories have none.
fn unscaled() -> PreprocessingOptions {
    PreprocessingOptions {
        scaling: FeatureScaling::Standard,
        one_hot: 3,
    }
}

#[test]
fn categories_become_minus_one_and_one_or_one_hot_or_indices() {
    let text = "two,three,four,b,y\nu,p,1,true,1\nv,q,2,false,2\n,r,3,true,3\nu,,4,,4\n";
    let given = Inference::default().kind("four", Kind::Category);
    let columns = given.infer(&table(text), "y").unwrap();
    let fitted = Preprocessing::fit(&table(text), &columns, unscaled()).unwrap();
    assert_eq!(
        fitted.feature_names(),
        ["two=v", "three=p", "three=q", "three=r", "b=true"]
    );
    assert_eq!(fitted.embedded().collect::<Vec<_>>(), [("four", 5)]);
    assert_eq!(fitted.column_names().collect::<Vec<_>>(), ["two", "three", "four", "b"]);

    let features = fitted
        .apply(&table("b,four,extra,three,two\nTRUE,3,,q,u\n,9,,s,w\nFALSE,,,p,v\n"))
        .unwrap();
    assert_eq!(features.dense.column(0), [-1.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(features.dense.column(1), [0.0; 5]);
    assert_eq!(features.dense.column(2), [1.0, 1.0, 0.0, 0.0, -1.0]);
    assert_eq!(features.indices, [[3, 0, 0]]);
    let unknown = ["two", "three", "four"].map(|name| (name.to_owned(), 1));
    assert_eq!(features.unknown, unknown);
}

#[test]
fn a_missing_number_is_the_median_and_told() {
    let text = "a,b,y\n1,1,1\n,2,2\n5,4,3\n9,3,4\n";
    let fitted = fitted(&table(text), "y");
    assert_eq!(fitted.feature_names(), ["a", "a missing", "b"]);
    let features = fitted.apply(&table("a,b\n5,2.5\n,\n")).unwrap();
    assert_eq!(features.dense.column(0), [0.0, 0.0, 0.0]);
    // The indicator is 0, 1, 0, 0 with q75 = 1/4, so it is scaled by 4 and clipped: 4 / sqrt(1 + 16/9).
    assert_eq!(features.dense.column(1), [0.0, 2.4, 0.0]);
}

#[test]
fn a_date_becomes_its_parts() {
    let text = "d,y\n2024-01-01,1\n2024-03-05T12:00,2\n2023-07-09 06:00:00,3\n,4\n";
    let columns = Columns::infer(&table(text), "y").unwrap();
    let fitted = Preprocessing::fit(&table(text), &columns, unscaled()).unwrap();
    let names = ["d year", "d month", "d weekday", "d hour", "d days", "d missing"];
    assert_eq!(fitted.feature_names(), names);
    let features = fitted.apply(&table(text)).unwrap();
    // A missing date has the parts of the median one, 2024-01-01.
    assert_eq!(features.dense.column(0)[..5], features.dense.column(3)[..5]);
    assert_eq!([features.dense[(5, 0)], features.dense[(5, 3)]], [0.0, 1.0]);
    for part in 0..5 {
        let mean: f32 = (0..4).map(|row| features.dense[(part, row)]).sum();
        let squares: f32 = (0..4).map(|row| features.dense[(part, row)].powi(2)).sum();
        assert!(
            mean.abs() < 1e-5 && (squares - 4.0).abs() < 1e-5,
            "{part}: {mean} {squares}"
        );
    }
    let error = fitted
        .apply(&table("d\n0000-01-01\n"))
        .map(|features| features.dense.shape());
    assert_eq!(error.unwrap(), (6, 1));
}

#[test]
fn only_the_training_rows_count() {
    let all = table_of("a,c,y", 100, |i| {
        format!("{},{},{}", i % 50, if i < 50 { "u" } else { "v" }, i)
    });
    let columns = Columns::infer(&all, "y").unwrap();
    let train: Vec<usize> = (0..50).collect();
    let part = Preprocessing::fit(&all.take(&train), &columns, Default::default()).unwrap();
    let alone = fitted(&all, "y");
    assert_eq!(part.feature_names(), ["a", "c=u"]);
    assert_eq!(alone.feature_names(), ["a", "c=v"]);
    assert_eq!(part.apply(&all).unwrap().unknown, [("c".to_owned(), 50)]);
    assert_eq!(part.target().decode(1e9), 49.0);
    assert_eq!(part.target().decode(-1e9), 0.0);
}

#[test]
fn a_number_is_learned_as_standardized() {
    let houses = table("a,y\n1,100\n2,200\n3,300\n4,600\n");
    let fitted = fitted(&houses, "y");
    let target = fitted.encode_target(&houses).unwrap();
    let deviation = 35_000_f64.sqrt();
    for (row, y) in [100.0, 200.0, 300.0, 600.0].into_iter().enumerate() {
        assert_eq!(target[(0, row)], ((y - 300.0) / deviation) as f32);
        assert!((fitted.target().decode(target[(0, row)]) - y).abs() < 1e-4);
    }
    assert!(fitted.target().classes().is_none());
}

#[test]
fn a_class_is_learned_by_name() {
    let pets = table("a,y\n1,eel\n2,cat\n3,eel\n4,dog\n5,dog\n6,cat\n");
    let fitted = fitted(&pets, "y");
    assert_eq!(fitted.target().classes().unwrap().names(), ["cat", "dog", "eel"]);
    assert_eq!(
        fitted.encode_target(&pets).unwrap().transposed().column(0),
        [2.0, 0.0, 2.0, 1.0, 1.0, 0.0]
    );
    assert_eq!(fitted.target().name(), "y");
    // As it is written.
    let fitted = crate::fitted(&table("a,y\n1,TRUE\n2,FALSE\n3,TRUE\n4,FALSE\n"), "y");
    assert_eq!(fitted.target().classes().unwrap().names(), ["FALSE", "TRUE"]);
}

#[test]
fn extreme_numbers_stay_finite() {
    let max = f64::MAX;
    let wild = table(&format!(
        "a,b,c,y\n{max:e},1e-320,1,1\n-{max:e},2e-320,2,2\n0,0,3,3\n{max:e},1e-320,4,4\n"
    ));
    let columns = Columns::infer(&wild, "y").unwrap();
    for scaling in [
        FeatureScaling::Robust,
        FeatureScaling::Standard,
        FeatureScaling::Quantile,
    ] {
        let options = PreprocessingOptions { scaling, one_hot: 9 };
        let fitted = Preprocessing::fit(&wild, &columns, options).unwrap();
        let other = table(&format!("a,b,c\n1,{max:e},{max:e}\n-1,-{max:e},-{max:e}\n"));
        for table in [&wild, &other] {
            let dense = fitted.apply(table).unwrap().dense;
            let (rows, samples) = dense.shape();
            for value in (0..samples)
                .flat_map(|j| (0..rows).map(move |i| (i, j)))
                .map(|place| dense[place])
            {
                assert!(value.is_finite(), "{scaling:?}: {value}");
            }
        }
    }
}
