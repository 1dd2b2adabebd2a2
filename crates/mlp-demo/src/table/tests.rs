//! Checks that columns are found by their names.

use super::*;

/// Reads the columns `height` and `weight` of `csv`. Returns the numbers, sample by sample, and the other columns.
fn named(csv: &str) -> Result<(Vec<f64>, Vec<String>), String> {
    let names = ["height", "weight"].map(String::from);
    let mut others = vec![];
    let table = parse(Path::new("data.csv"), csv.as_bytes(), "`x1,x2`", |header| {
        let columns;
        (columns, others) = columns_named(&names, header, "m.safetensors")?;
        Ok(columns)
    });
    Ok((table.map_err(|error| error.to_string())?.into_vec(), others))
}

#[test]
fn columns_are_found_by_name_in_any_order_and_others_are_ignored() {
    for (csv, others) in [
        ("height,weight\n3,2\n1,10\n", &[][..]),
        ("weight,height\n2,3\n10,1\n", &[]),
        ("\u{feff}\" weight\",height \n2,3\n10,1\n", &[]),
        ("id,weight,,height\nx,2,,3\n\"y,\nz\",10,?,1\n", &["`id`", "``"]),
        ("2024,weight,2024,height\n0,2,0,3\n0,10,0,1\n", &["`2024`", "`2024`"]),
        ("Height,weight,height\n0,2,3\n0,10,1\n", &["`Height`"]),
    ] {
        let others = others.iter().map(ToString::to_string).collect();
        assert_eq!(named(csv), Ok((vec![3.0, 2.0, 1.0, 10.0], others)), "{csv:?}");
    }
}

#[test]
fn a_missing_or_doubled_column_is_named() {
    let missing = |names: &str, only: &str| {
        let expected = "expected a column for each feature of m.safetensors, also for";
        Err(format!("data.csv: line 1: {expected} {names}, got only {only}"))
    };
    assert_eq!(named("height,width\n1,2\n"), missing("`weight`", "`height`, `width`"));
    assert_eq!(named("a,b\n1,2\n"), missing("`height`, `weight`", "`a`, `b`"));
    assert_eq!(named("3,2\n1,10\n"), missing("`height`, `weight`", "`3`, `2`"));
    assert_eq!(
        named("height;weight\n1;2\n"),
        missing("`height`, `weight`", "`height;weight`").map_err(|message| {
            message + "; cells are separated by `,`, or by what a first line such as `sep=;` names"
        })
    );
    let wide: Vec<_> = (0..100_000).map(|i| format!("c{i}")).collect();
    let shown: Vec<_> = (0..10).map(|i| format!("`c{i}`")).collect();
    let shown = format!("{}, ..", shown.join(", "));
    assert_eq!(named(&wide.join(",")), missing("`height`, `weight`", &shown));
    assert_eq!(
        named("height,weight,height\n1,2,3\n"),
        Err(
            "data.csv: line 1, column 3 (`height`): expected a single column of this name, got another one in column 1"
                .into()
        )
    );
}

#[test]
fn only_the_cells_that_are_read_must_be_numbers() {
    assert_eq!(
        named("id,weight,height\nx,2,tall\n"),
        Err("data.csv: line 2, column 3 (`height`): expected a number, got `tall`".into())
    );
    assert_eq!(
        named("id,weight,height\nx,2\n"),
        Err("data.csv: line 2, column 3 (`height`): expected 3 cells as in the header, got 2".into())
    );
    assert_eq!(
        named("id,weight,height\nx\"y,2,3\n"),
        Err("data.csv: line 2, column 1: expected quotes only around a whole cell, got `x\"y`".into())
    );
}
