//! A preprocessing in a model file: what is saved is read, and nothing else.

use crate::table;
use mlp_table::{FeatureScaling, Inference, Kind, Preprocessing, PreprocessingOptions};
use serde_json::{Value, json};

const TABLE: &str =
    "n,d,c,e,b,y\n1,2024-01-01,u,p,true,1.5\n,2024-01-02,v,q,false,2\n3,,w,r,true,3\n4,2024-01-05,,s,,5\n";

fn fitted(scaling: FeatureScaling) -> Preprocessing {
    let columns = Inference::default().infer(&table(TABLE), "y").unwrap();
    Preprocessing::fit(&table(TABLE), &columns, PreprocessingOptions { scaling, one_hot: 3 }).unwrap()
}

#[test]
fn what_is_saved_is_read_to_the_last_bit() {
    for scaling in [
        FeatureScaling::Robust,
        FeatureScaling::Standard,
        FeatureScaling::Quantile,
    ] {
        let fitted = fitted(scaling);
        let text = serde_json::to_string(&fitted).unwrap();
        let read: Preprocessing = serde_json::from_str(&text).unwrap();
        assert_eq!(read, fitted);
        assert_eq!(
            read.apply(&table(TABLE)).unwrap().dense,
            fitted.apply(&table(TABLE)).unwrap().dense
        );
    }
    let text = "a,y\n1,cat\n2,dog\n3,cat\n4,dog\n";
    let columns = Inference::default()
        .kind("a", Kind::Number)
        .infer(&table(text), "y")
        .unwrap();
    let fitted = Preprocessing::fit(&table(text), &columns, Default::default()).unwrap();
    let json = r#"{"missing":["NA","N/A","n/a","NaN","nan","null","NULL","?"],"inputs":[{"name":"a","encoding":{"quantity":{"of":"number","fill":2.5,"indicator":false}},"scalers":[{"clipped":{"offset":2.5,"factor":0.6666666666666666}}]}],"target":{"name":"y","values":{"classes":["cat","dog"]}}}"#;
    assert_eq!(serde_json::to_string(&fitted).unwrap(), json);
    assert_eq!(serde_json::from_str::<Preprocessing>(json).unwrap(), fitted);
}

#[test]
fn what_is_not_valid_is_refused() {
    let valid = serde_json::to_value(fitted(FeatureScaling::Quantile)).unwrap();
    assert!(serde_json::from_value::<Preprocessing>(valid.clone()).is_ok());
    for (pointer, value, message) in [
        ("/inputs/0/name", json!(""), "column 1 has no name; give it one"),
        (
            "/inputs/0/name",
            json!("d"),
            "`d` is the name of column 1 and of column 2; rename one of them",
        ),
        (
            "/target/name",
            json!("d"),
            "`d` is the name of column 2 and of column 6; rename one of them",
        ),
        (
            "/inputs/0/encoding/quantity/fill",
            Value::Null,
            "invalid type: null, expected f64",
        ),
        (
            "/inputs/1/encoding/quantity/fill",
            json!(1e300),
            "column `d`: expected a finite number, or sorted",
        ),
        (
            "/inputs/2/encoding/one_hot/values",
            json!(["v", "u", "w"]),
            "column `c`: expected a finite number, or sorted",
        ),
        (
            "/inputs/2/encoding/one_hot/values",
            json!(["u", "u", "w"]),
            "column `c`: expected a finite number, or sorted",
        ),
        (
            "/inputs/2/encoding/one_hot/values",
            json!(["", "u", "w"]),
            "column `c`: expected a finite number, or sorted",
        ),
        (
            "/inputs/3/encoding/embedded/values",
            json!(["b", "a"]),
            "column `e`: expected a finite number, or sorted",
        ),
        (
            "/inputs/4/encoding/one_hot/values",
            json!(["no", "yes"]),
            "column `b`: expected a finite number, or sorted",
        ),
        (
            "/inputs/2/encoding/one_hot/values",
            json!(["u", "w"]),
            "column `c`: expected a scaler for each of 1 features, got 3",
        ),
        (
            "/inputs/0/scalers",
            json!([]),
            "column `n`: expected a scaler for each of 2 features, got 0",
        ),
        (
            "/inputs/0/scalers/0/quantile",
            json!([]),
            "column `n`: expected scalers of finite numbers",
        ),
        (
            "/inputs/0/scalers/0/quantile",
            json!([2.0, 1.0]),
            "column `n`: expected scalers of finite numbers",
        ),
        (
            "/inputs/0/scalers/1/affine/factor",
            json!(-1.0),
            "column `n`: expected scalers of finite numbers",
        ),
        ("/inputs/0/encoding", json!({"sum": {}}), "unknown variant `sum`"),
        (
            "/target/values/number/deviation",
            json!(0.0),
            "target `y`: expected finite numbers in order, or two classes",
        ),
        (
            "/target/values/number/least",
            json!(9.0),
            "target `y`: expected finite numbers in order, or two classes",
        ),
        (
            "/target/values",
            json!({"classes": ["a"]}),
            "target `y`: expected finite numbers",
        ),
        (
            "/target/values",
            json!({"classes": ["a", "a"]}),
            "classes: expected each name once",
        ),
    ] {
        let mut changed = valid.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value;
        let error = serde_json::from_value::<Preprocessing>(changed)
            .expect_err(pointer)
            .to_string();
        assert!(error.starts_with(message), "{pointer}: {error}");
    }
    for pointer in [
        "",
        "/inputs/0",
        "/target",
        "/inputs/0/encoding/quantity",
        "/inputs/0/scalers/1/affine",
        "/target/values/number",
    ] {
        let mut changed = valid.clone();
        changed.pointer_mut(pointer).expect(pointer)["extra"] = json!(1);
        let error = serde_json::from_value::<Preprocessing>(changed)
            .expect_err(pointer)
            .to_string();
        assert!(error.starts_with("unknown field `extra`"), "{pointer}: {error}");
    }
}
