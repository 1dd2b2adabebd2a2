//! Which kinds columns are found to have, and which are left out.

use crate::{table, table_of};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray,
    NullArray, RecordBatch, StringArray, StringViewArray, TimestampMillisecondArray,
};
use mlp_table::{Columns, Inference, Kind, Preprocessing, Table, Task};
use std::sync::Arc;

/// Returns the lines that describe the columns, without the target.
#[track_caller]
fn lines(columns: &Columns) -> Vec<String> {
    let target = columns.target().name.clone();
    columns
        .iter()
        .filter(|column| column.name != target)
        .map(ToString::to_string)
        .collect()
}

#[test]
fn kinds_follow_from_all_values() {
    let text =
        "n,i,c,b,d,m,y\n1.5,7,gas,TRUE,2024-01-01,1,3\nNaN,8,oil,false,2024-01-02T08:00,x,4\n-1e3,7,?,True,,2,5\n";
    assert_eq!(
        lines(&Columns::infer(&table(text), "y").unwrap()),
        [
            "`n`: number, 2 values, 1 missing",
            "`i`: number, 2 values, 0 missing",
            "`c`: category, 2 values, 1 missing",
            "`b`: boolean, 2 values, 0 missing",
            "`d`: date, 2 values, 1 missing",
            "`m`: category, 3 values, 0 missing",
        ]
    );
    // The last of many rows decides.
    let late = table_of("a,y", 60, |i| {
        format!("{},{}", if i == 59 { "none" } else { "1.5" }, i % 7)
    });
    assert_eq!(
        lines(&Columns::infer(&late, "y").unwrap()),
        ["`a`: category, 2 values, 0 missing"]
    );
}

#[test]
fn columns_of_no_use_are_left_out_and_told() {
    let text = |i| {
        let words = format!("review number {} of the house", i / 2 * 2 + i % 3);
        format!("id{i},{},{},7,,{words},{}.5,{},{}", 3 * i, i % 9, i, i % 4, i % 11)
    };
    let houses = table_of("id,number,a,constant,empty,text,float,b,y", 120, text);
    let columns = Columns::infer(&houses, "y").unwrap();
    assert_eq!(
        columns.notes(),
        [
            "column `id` is left out: an identifier: all values are different",
            "column `number` is left out: an identifier: all values are different",
            "column `constant` is left out: every value is the same",
            "column `empty` is left out: every value is missing",
            "column `text` is left out: free text: most values are different",
        ]
    );
    // The user decides otherwise.
    let given = Inference::default()
        .kind("number", Kind::Number)
        .kind("a", Kind::Category)
        .kind("b", Kind::Text);
    let columns = given.infer(&houses, "y").unwrap();
    let notes = columns.notes();
    assert!(!notes.iter().any(|note| note.contains("`number`")), "{notes:?}");
    assert_eq!(
        notes.last().unwrap(),
        "column `b` is left out: it is declared to be text"
    );
    assert_eq!(columns.iter().nth(2).unwrap().kind, Kind::Category);
    // Few rows are no evidence for an identifier.
    let few = table_of("id,y", 19, |i| format!("id{i},{}", i % 4));
    assert!(Columns::infer(&few, "y").is_ok());
}

#[test]
fn the_task_follows_from_the_target() {
    let task = |text: &str, inference: Inference| inference.infer(&table(text), "y").unwrap().task();
    let default = Inference::default;
    assert_eq!(task("a,y\n1,2\n2,3\n1,4\n", default()), Task::Regression);
    assert_eq!(task("a,y\n1,u\n2,v\n1,u\n2,v\n", default()), Task::Classification);
    assert_eq!(task("a,y\n1,0\n2,1\n1,1\n2,0\n", default()), Task::Classification);
    assert_eq!(
        task("a,y\n1,0\n2,1\n1,1\n", default().kind("y", Kind::Number)),
        Task::Regression
    );
    assert_eq!(
        task("a,y\n1,2\n2,3\n1,2\n2,3\n", default().kind("y", Kind::Category)),
        Task::Classification
    );
}

#[test]
fn the_values_that_are_missing_can_be_set() {
    let text = "a,y\n-999,1\n3,2\nNA,3\n";
    let columns = Inference::default()
        .missing(["-999", "NA"])
        .infer(&table(text), "y")
        .unwrap();
    assert_eq!(lines(&columns), ["`a`: number, 1 value, 2 missing"]);
    let columns = Inference::default().missing(["-999"]).infer(&table(text), "y").unwrap();
    assert_eq!(lines(&columns), ["`a`: category, 2 values, 1 missing"]);
    // The preprocessing knows them too.
    let columns = Inference::default()
        .missing(["-999", "NA"])
        .infer(&table(text), "y")
        .unwrap();
    let fitted = Preprocessing::fit(&table(text), &columns, Default::default()).unwrap();
    let features = fitted.apply(&table("a\n-999\nNA\n3\n")).unwrap();
    assert_eq!(features.dense.column(0), features.dense.column(1));
    assert_ne!(features.dense.column(0), features.dense.column(2));
}

/// Makes a table of typed columns.
fn batch(columns: Vec<(&str, ArrayRef)>) -> Table {
    Table::new(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap())
        .unwrap()
}

#[test]
fn a_record_batch_has_types_of_its_own() {
    let dictionary: DictionaryArray<Int32Type> = [Some("7"), None, Some("8")].into_iter().collect();
    let days = TimestampMillisecondArray::from(vec![Some(0), None, Some(86_400_000)]);
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None, Some(vec![])]);
    let columns = || -> Vec<(&str, ArrayRef)> {
        vec![
            ("int", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
            ("float", Arc::new(Float64Array::from(vec![1.5, f64::NAN, 2.5]))),
            (
                "text",
                Arc::new(StringArray::from(vec![Some("1"), Some(""), Some("2")])),
            ),
            ("view", Arc::new(StringViewArray::from(vec!["1", " ? ", "2 "]))),
            (
                "bool",
                Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            ),
            ("days", Arc::new(days.clone())),
            ("date", Arc::new(Date32Array::from(vec![19_874, 20_000, 20_001]))),
            (
                "decimal",
                Arc::new(
                    Decimal128Array::from(vec![150, 250, 20])
                        .with_precision_and_scale(5, 2)
                        .unwrap(),
                ),
            ),
            ("dictionary", Arc::new(dictionary.clone())),
            ("null", Arc::new(NullArray::new(3))),
            ("list", Arc::new(lists.clone())),
            ("y", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.5]))),
        ]
    };
    let typed = batch(columns());
    assert_eq!(
        lines(&Columns::infer(&typed, "y").unwrap()),
        [
            "`int`: number, 2 values, 1 missing",
            "`float`: number, 2 values, 1 missing",
            "`text`: category, 2 values, 1 missing",
            "`view`: category, 2 values, 1 missing",
            "`bool`: boolean, 2 values, 1 missing",
            "`days`: date, 2 values, 1 missing",
            "`date`: date, 3 values, 0 missing",
            "`decimal`: number, 3 values, 0 missing",
            "`dictionary`: category, 2 values, 1 missing",
            "`null`: number, 0 values, 3 missing; left out: every value is missing",
            "`list`: text, 0 values, 0 missing; left out: expected numbers, text, booleans or dates, got List(Int32)",
        ]
    );
    // The same values as text, in another order of the columns, become the same features.
    let fitted = crate::fitted(&typed, "y");
    let text = "dictionary,days,bool,view,text,float,int,decimal,date\n\
                7,1970-01-01,True,1,1,1.5,1,1.50,2024-05-31\n\
                ,,,?,,NaN,,2.50,2024-10-04\n\
                8,1970-01-02,FALSE,2,2,2.5,3,0.20,2024-10-05\n";
    assert_eq!(
        fitted.apply(&table(text)).unwrap().dense,
        fitted.apply(&typed).unwrap().dense
    );
    let empty = Table::new(typed.batch().project(&[]).unwrap()).unwrap();
    let message = Columns::infer(&empty, "y").unwrap_err().to_string();
    assert_eq!(message, "expected a column `y`, got no columns");
    // A batch has rows, not lines.
    let infinite: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::INFINITY, 2.0]));
    let error = Columns::infer(&batch([columns(), vec![("z", infinite)]].concat()), "y").unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 2, column `z`: expected a finite number, got an infinite one; correct it"
    );
}

#[test]
fn a_table_of_another_schema_is_refused() {
    let fitted = crate::fitted(
        &table("n,d,c,b,y\n1,2024-01-01,u,true,1\n2,2024-01-02,v,false,2\n3,2024-01-03,w,true,3\n"),
        "y",
    );
    let numbers = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let dates = || Arc::new(TimestampMillisecondArray::from(vec![0])) as ArrayRef;
    let words = || Arc::new(StringArray::from(vec!["u"])) as ArrayRef;
    let booleans = || Arc::new(BooleanArray::from(vec![true])) as ArrayRef;
    let refused = |n, d, c, b| {
        let other = batch(vec![("n", n), ("d", d), ("c", c), ("b", b)]);
        fitted.apply(&other).unwrap_err().to_string()
    };
    assert_eq!(
        refused(dates(), dates(), words(), booleans()),
        "column `n`: expected numbers, got dates"
    );
    assert_eq!(
        refused(numbers(), numbers(), words(), booleans()),
        "column `d`: expected dates, got numbers"
    );
    assert_eq!(
        refused(numbers(), dates(), dates(), booleans()),
        "column `c`: expected categories, got dates"
    );
    assert_eq!(
        refused(numbers(), dates(), words(), numbers()),
        "row 1, column `b`: expected true or false, got `1`"
    );
    assert_eq!(
        refused(words(), dates(), words(), booleans()),
        "row 1, column `n`: expected a number, got `u`"
    );
}

#[test]
fn a_number_that_stands_for_a_missing_value_is_missing_in_every_kind_of_file() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, -999, 8, 9]));
    let target: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]));
    let typed = Table::new(RecordBatch::try_from_iter([("a", numbers), ("y", target)]).unwrap()).unwrap();
    let inference = Inference::default().missing(["-999"]);
    let features = [typed, table("a,y\n7,1\n-999,2\n8,3\n9,4\n")].map(|table| {
        let columns = inference.infer(&table, "y").unwrap();
        assert_eq!(lines(&columns), ["`a`: number, 3 values, 1 missing"]);
        let fitted = Preprocessing::fit(&table, &columns, Default::default()).unwrap();
        fitted.apply(&table).unwrap().dense
    });
    assert_eq!(features[0], features[1]);
    assert_eq!(features[0][(0, 1)], 0.0);
}
