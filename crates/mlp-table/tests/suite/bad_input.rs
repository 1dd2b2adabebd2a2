//! Every kind of bad input, with its message.

use crate::models::{customer_model, customers, house_model, houses};
use crate::{fitted, table, table_of};
use mlp_table::{Columns, FoldBy, Inference, Kind, Preprocessing, Table, TableModel, TableOptions};
use std::ops::ControlFlow;

/// Returns the message of a table that cannot be read.
#[track_caller]
fn unreadable(text: &str) -> String {
    Table::from_csv(text.as_bytes()).unwrap_err().to_string()
}

/// Returns the message of a table from which the target `y` cannot be learned.
#[track_caller]
fn refused(table: &Table) -> String {
    Columns::infer(table, "y").unwrap_err().to_string()
}

#[test]
fn no_header() {
    let expected = "expected a header with the names of the columns, got";
    for empty in ["", "\u{feff}", "\r\n\r", "sep=;", "sep=;\n\n"] {
        assert_eq!(unreadable(empty), format!("{expected} an empty file"), "{empty:?}");
    }
    assert_eq!(
        unreadable("\n5.1,3.5\n4.9,3.0\n"),
        format!("line 2: {expected} only numbers, such as `5.1`; put a line with the names before them")
    );
}

#[test]
fn no_such_target() {
    let houses = table("Sale_Price,area,zip\n1,2,3\n2,3,4\n");
    assert_eq!(
        Columns::infer(&houses, "sale price").unwrap_err().to_string(),
        "expected a column `sale price`, got 3 columns, among them `Sale_Price`, `area`, `zip`"
    );
    let given = Inference::default().kind("aera", Kind::Number);
    let message = given.infer(&houses, "area").unwrap_err().to_string();
    assert!(
        message.starts_with("expected a column `aera`, got 3 columns, among them `area`"),
        "{message}"
    );
    assert_eq!(refused(&table("a\n1\n2\n")), "expected a column `y`, got only `a`");
}

#[test]
fn a_target_that_is_constant() {
    let message = "column `y`: expected at least two different values of the target, got only `7`";
    assert_eq!(refused(&table("a,y\n1,7\n2,7\n3,\n")), message);
    let given = Inference::default().kind("y", Kind::Number);
    assert_eq!(
        given.infer(&table("a,y\n1,7\n2,7\n"), "y").unwrap_err().to_string(),
        message
    );
}

#[test]
fn a_target_that_is_missing_everywhere_or_a_date() {
    assert_eq!(
        refused(&table("a,y\n1,\n2,NA\n")),
        "column `y`: the target is missing in every row"
    );
    assert_eq!(
        refused(&table("a,y\n1,2024-01-01\n2,2024-01-02\n")),
        "column `y`: expected a number or a category as the target, got dates"
    );
}

#[test]
fn one_class() {
    assert_eq!(
        refused(&table("a,y\n1,yes\n2,yes\n")),
        "column `y`: expected at least two different values of the target, got only `yes`"
    );
    // A part of the rows may have one class only: the other one is known from all rows.
    let pets = table("a,y\n1,cat\n2,cat\n3,dog\n4,dog\n");
    let columns = Columns::infer(&pets, "y").unwrap();
    let cats = Preprocessing::fit(&pets.take(&[0, 1]), &columns, Default::default()).unwrap();
    assert_eq!(cats.target().classes().unwrap().names(), ["cat", "dog"]);
}

#[test]
fn a_class_with_one_row() {
    assert_eq!(
        refused(&table("a,y\n1,cat\n2,cat\n3,eel\n4,dog\n5,dog\n6,fox\n")),
        "line 4, column `y`: expected at least 2 rows of class `eel`, got 1, as for another class; remove it or add more"
    );
    assert_eq!(
        refused(&table("a,y\n1,$205\n2,$107\n3,$98\n")),
        "line 2, column `y`: expected at least 2 rows of class `$205`, got 1, as for 2 other classes; remove it or add \
         more, or write numbers with a point, without separators and units"
    );
}

#[test]
fn too_few_rows() {
    let message = |n| format!("expected at least 2 rows of data, got {n}; train on more data");
    assert_eq!(refused(&table("a,y\n")), message(0));
    assert_eq!(refused(&table("a,y\n1,2\n")), message(1));
    let two = table("a,y\n1,2\n2,3\n4,5\n");
    let columns = Columns::infer(&two, "y").unwrap();
    let none = two.take(&[]);
    let error = Preprocessing::fit(&none, &columns, Default::default())
        .unwrap_err()
        .to_string();
    assert_eq!(error, "expected at least one row to train on, got none");
    // To predict for no rows is no error.
    assert_eq!(fitted(&two, "y").apply(&none).unwrap().dense.shape(), (1, 0));
}

#[test]
fn nothing_to_learn_from() {
    let message = "nothing to learn from: every column except the target is left out";
    assert_eq!(refused(&table("y\n1\n2\n3\n")), message);
    assert_eq!(refused(&table("a,y\n1,1\n1,2\n1,3\n")), message);
}

#[test]
fn more_columns_than_rows_are_told() {
    let wide = table("a,b,c,y\n1,3,5,1.5\n2,4,7,2.5\n");
    let columns = Inference::default().kind("y", Kind::Number).infer(&wide, "y").unwrap();
    assert_eq!(columns.notes(), ["there are more columns (3) than rows (2)"]);
}

#[test]
fn numbers_with_commas() {
    let refused_in = |column: &str, line, got: &str| {
        format!(
            "line {line}, column `{column}`: expected a number, got `{got}`; write numbers with a point and without \
             separators, or declare the column to be a category"
        )
    };
    let prices = table("a,y\n1,\"205,900\"\n2,\"1,107,500\"\n3,\"98,100.5\"\n");
    assert_eq!(refused(&prices), refused_in("y", 2, "205,900"));
    let areas = "a,y\n12,1\n\"7,5\",2\n,3\n\"8,25\",4\n";
    assert_eq!(refused(&table(areas)), refused_in("a", 3, "7,5"));
    let category = Inference::default().kind("a", Kind::Category);
    assert!(category.infer(&table(areas), "y").is_ok());
    // Other texts with commas are words: also lists of numbers.
    for other in ["8,m", "1,2,3", "1,,2", "1,20,300"] {
        let columns = Columns::infer(&table(&areas.replace("8,25", other)), "y").unwrap();
        assert_eq!(columns.iter().next().unwrap().kind, Kind::Category, "{other}");
    }
    // A few other words among many numbers change nothing, as without commas.
    let mostly = |others| {
        table_of("a,y", 200, |i| match i {
            i if i < others => format!("unknown,{}", i % 5),
            _ => format!("\"{},200\",{}", i % 9 + 1, i % 5),
        })
    };
    assert_eq!(refused(&mostly(2)), refused_in("a", 4, "3,200"));
    assert!(Columns::infer(&mostly(3), "y").is_ok());
}

#[test]
fn ragged_lines() {
    let message = |line, got| format!("line {line}: expected 3 cells as in the header, got {got}");
    assert_eq!(unreadable("a,b,y\n1,2,3\n1,2\n"), message(3, 2));
    assert_eq!(unreadable("a,b,y\n\n1,2,3\n1,2,3,4\n"), message(4, 4));
    assert!(unreadable("a;y\n1,5;2\n").ends_with("by a first line such as `sep=;`"));
    let error = Table::from_csv("a,b,y\n1,2\n".as_bytes()).unwrap_err();
    assert_eq!((error.line, error.column), (Some(2), None));
}

#[test]
fn unclosed_quotes() {
    assert_eq!(
        unreadable("a,y\n1,2\n3,\"4\n5,6\n"),
        "line 3, column `y`: expected a quote that closes the cell, got the end of the file"
    );
}

#[test]
fn a_column_that_is_text_in_one_line_of_many() {
    let mostly = |rows, odd: usize, text: &'static str| {
        table_of("a,y", rows, |i| {
            format!("{},{}", if i == odd { text.to_owned() } else { i.to_string() }, i % 5)
        })
    };
    let advice = "correct it, list it as a missing value, or declare the column to be a category";
    assert_eq!(
        refused(&mostly(5000, 4321, "12 km")),
        format!("line 4323, column `a`: expected a number, got `12 km`; 4999 of 5000 values are numbers: {advice}")
    );
    let days = table_of("a,y", 200, |i| {
        let day = if i == 7 {
            "yesterday".to_owned()
        } else {
            format!("2024-05-{:02}", i % 28 + 1)
        };
        format!("{day},{}", i % 3)
    });
    assert_eq!(
        refused(&days),
        format!(
            "line 9, column `a`: expected a date such as 2024-05-31 or 2024-05-31T08:30:00, got `yesterday`; \
             199 of 200 values are dates: {advice}"
        )
    );
    // Two ways out.
    let odd = mostly(5000, 4321, "12 km");
    let listed = Inference::default()
        .missing(["12 km"])
        .kind("a", Kind::Number)
        .infer(&odd, "y")
        .unwrap();
    assert_eq!(listed.iter().next().unwrap().missing, 1);
    let category = Inference::default().kind("a", Kind::Category).infer(&odd, "y").unwrap();
    assert_eq!(category.iter().next().unwrap().kind, Kind::Category);
}

#[test]
fn doubled_names() {
    assert_eq!(
        unreadable("a,b,a\n1,2,3\n"),
        "line 1: `a` is the name of column 1 and of column 3; rename one of them"
    );
    assert_eq!(
        unreadable("sep=;\n\ncolumn 2;\n1;2\n"),
        "line 3: `column 2` is the name of column 1 and of column 2; rename one of them"
    );
}

#[test]
fn a_category_of_100_000_values() {
    let cities = table_of("city,y", 100_001, |i| format!("c{},{}", i.max(1), i % 3));
    let columns = Inference::default().kind("y", Kind::Number);
    let message = columns.infer(&cities, "y").unwrap_err().to_string();
    assert_eq!(
        message,
        "nothing to learn from: every column except the target is left out"
    );
    let error = columns.kind("city", Kind::Category).infer(&cities, "y").unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `city`: expected a category of at most 10000 values, \
         got 100000; group the rare ones, or declare the column to be text"
    );
}

#[test]
fn infinite_numbers() {
    let message = "line 3, column `a`: expected a finite number, got an infinite one; correct it";
    for text in ["inf", "-inf", "1e999", "Infinity"] {
        assert_eq!(
            refused(&table(&format!("a,y\n1,2\n{text},4\n2,5\n"))),
            message,
            "{text}"
        );
        let message = message.replace("`a`", "`y`");
        assert_eq!(
            refused(&table(&format!("a,y\n1,2\n2,{text}\n2,5\n"))),
            message,
            "{text}"
        );
    }
    let fitted = fitted(&table("a,y\n1,2\n2,4\n2,5\n"), "y");
    assert_eq!(fitted.apply(&table("a\n1\ninf\n")).unwrap_err().to_string(), message);
}

#[test]
fn a_value_of_another_kind() {
    let fitted = fitted(
        &table("a,d,b,y\n1,2024-01-01,true,2\n2,2024-01-03,false,4\n2,2024-01-02,true,5\n"),
        "y",
    );
    for (row, message) in [
        ("x,2024-01-01,true", "line 2, column `a`: expected a number, got `x`"),
        (
            "1,1.5.24,true",
            "line 2, column `d`: expected a date such as 2024-05-31 or 2024-05-31T08:30:00, got `1.5.24`",
        ),
        (
            "1,2024-01-01,yes",
            "line 2, column `b`: expected true or false, got `yes`",
        ),
    ] {
        let error = fitted.apply(&table(&format!("a,d,b\n{row}\n"))).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_missing_column() {
    let fitted = fitted(&table("area,y\n1,2\n2,4\n2,5\n"), "y");
    assert_eq!(
        fitted.apply(&table("Aera,rooms\n1,2\n")).unwrap_err().to_string(),
        "expected a column `area`, got 2 columns, among them `Aera`, `rooms`"
    );
}

#[test]
fn an_unknown_category_is_predicted_as_missing_and_counted() {
    let fitted = fitted(&table("a,y\nx,2\nz,4\nx,5\nw,6\n"), "y");
    let features = fitted.apply(&table("a\nx\nu\n\nv\n")).unwrap();
    assert_eq!(features.unknown, [("a".to_owned(), 2)]);
    assert_eq!(features.dense.column(1), features.dense.column(2));
    assert_ne!(features.dense.column(0), features.dense.column(2));
}

#[test]
fn a_target_that_cannot_be_encoded() {
    let numbers = fitted(&table("a,y\n1,2\n2,4\n2,5\n"), "y");
    let message = "line 3, column `y`: expected a value of the target, got none; leave the row out";
    let open = table("a,y\n1,2\n2,\n");
    assert_eq!(numbers.encode_target(&open).unwrap_err().to_string(), message);
    let pets = fitted(&table("a,y\n1,cat\n2,cat\n3,dog\n4,dog\n"), "y");
    assert_eq!(
        pets.encode_target(&table("a,y\n1,cat\n2,\n")).unwrap_err().to_string(),
        message
    );
    assert_eq!(
        pets.encode_target(&table("a,y\n1,cat\n2,doe\n"))
            .unwrap_err()
            .to_string(),
        "line 3, column `y`: expected a class that was trained on, got `doe`; there are 2 classes, among them `dog`, `cat`"
    );
    // A training row without a target.
    let all = table("a,y\n1,2\n2,\n3,4\n4,5\n");
    let columns = Columns::infer(&all, "y").unwrap();
    assert_eq!(columns.notes(), ["1 row has no value of `y` and is left out"]);
    assert_eq!(
        Preprocessing::fit(&all, &columns, Default::default())
            .unwrap_err()
            .to_string(),
        message
    );
    assert!(Preprocessing::fit(&all.take(columns.labeled_rows()), &columns, Default::default()).is_ok());
}

#[test]
fn folds_that_cannot_be_filled() {
    let visits = table("who,day,y\na,1,1\na,2,2\nb,2,3\n,,4\n");
    let columns = Columns::infer(&visits, "y").unwrap();
    let refused = |by, count| columns.folds(&visits, &by, count, 1).unwrap_err().to_string();
    let message = |count, of, one| format!("{count} folds of {of}: expected at least 2 folds and a {one} for each");
    assert_eq!(refused(FoldBy::Row, 1), message(1, "4 rows", "row"));
    assert_eq!(refused(FoldBy::Row, 5), message(5, "4 rows", "row"));
    assert_eq!(
        refused(FoldBy::Group("who".to_owned()), 2),
        "line 5, column `who`: expected a group, got no value; leave the row out"
    );
    assert_eq!(
        refused(FoldBy::Time("day".to_owned()), 2),
        "line 5, column `day`: expected a time, got none; leave the row out"
    );
    assert_eq!(
        refused(FoldBy::Group("whom".to_owned()), 2),
        "expected a column `whom`, got 3 columns, among them `who`, `day`, `y`"
    );
    for by in [FoldBy::Group("y".to_owned()), FoldBy::Time("y".to_owned())] {
        assert_eq!(
            refused(by, 2),
            "expected another column than the target to make the folds by, got `y`"
        );
    }
    let visits = visits.take(&[0, 1, 2]);
    let columns = Columns::infer(&visits, "y").unwrap();
    let refused = |by, count| columns.folds(&visits, &by, count, 1).unwrap_err().to_string();
    assert_eq!(
        refused(FoldBy::Group("who".to_owned()), 3),
        message(3, "2 groups", "group")
    );
    for count in [2, 3] {
        let message = message(count, "1 later time", "later time");
        assert_eq!(refused(FoldBy::Time("day".to_owned()), count), message);
    }
}

#[test]
fn a_table_of_another_schema() {
    let model = house_model();
    let message = |table: &Table| model.predict(table).unwrap_err().to_string();
    assert_eq!(
        message(&customers(0, 2)),
        "expected a column `area`, got 4 columns, among them `plan`, `region`, `stays`"
    );
    let text = "area,heating,built,renovated,noise\n70,gas,1999-01-01,true,0.5\n";
    assert!(model.predict(&table(text)).is_ok());
    assert_eq!(
        message(&table(&text.replace("70", "seventy"))),
        "line 2, column `area`: expected a number, got `seventy`"
    );
    assert_eq!(
        message(&table(&text.replace("noise", "nose"))),
        "expected a column `noise`, got 5 columns, among them `nose`, `built`, `area`"
    );
    // The columns are found by name, whatever their order, and others do not matter.
    let other = "x,noise,renovated,built,heating,area\n1,0.5,true,1999-01-01,gas,70\n";
    let [first, second] = [text, other].map(|text| model.predict(&table(text)).unwrap());
    assert_eq!(first.numbers(), second.numbers());
}

#[test]
fn no_rows_to_predict_give_no_predictions() {
    let empty = table("area,heating,built,renovated,noise\n");
    let predictions = house_model().predict(&empty).unwrap();
    assert!(predictions.is_empty() && predictions.intervals(0.9).unwrap().is_empty());
    assert_eq!(predictions.to_batch(None).num_rows(), 0);
    assert_eq!(
        house_model().evaluate(&houses(0, 0)).unwrap_err().to_string(),
        "column `price`: expected at least one row with a value of the target, got none"
    );
}

#[test]
fn a_category_that_no_network_knows_is_missing_and_counted() {
    let text =
        "area,heating,built,renovated,noise\n70,coal,1999-01-01,true,0.5\n70,,1999-01-01,true,0.5\n70,peat,,,1\n";
    let predictions = house_model().predict(&table(text)).unwrap();
    assert_eq!(predictions.unknown(), [("heating".to_owned(), 2)]);
    let numbers = predictions.numbers().unwrap();
    assert_eq!(numbers[0], numbers[1]);
}

#[test]
fn targets_that_a_model_cannot_be_compared_with() {
    let evaluate = |text: &str| customer_model().evaluate(&table(text)).unwrap_err().to_string();
    assert_eq!(
        evaluate("plan,months,region\nbasic,3,r1\n"),
        "expected a column `stays`, got 3 columns, among them `plan`, `months`, `region`"
    );
    let message = evaluate("plan,months,region,stays\nbasic,3,r1,\nplus,3,r1,never\n");
    assert!(
        message.starts_with("line 3, column `stays`: expected a class that was trained on, got `never`"),
        "{message}"
    );
}

#[test]
fn a_fold_without_any_value_to_learn_from() {
    let error = TableModel::fit(
        &table("a,y\nx,1\n,2\n,3\n,4\n,5\n,6\n,7\n"),
        "y",
        &TableOptions::default(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "nothing to learn from: in the rows that a network is trained on, no column has a value"
    );
}

#[test]
fn the_group_of_the_folds_as_the_only_input() {
    let options = TableOptions {
        fold_by: FoldBy::Group("who".to_owned()),
        folds: 2,
        ..TableOptions::default()
    };
    let visits = table("who,y\na,1\na,2\nb,2\nb,3\n");
    let message = "nothing to learn from: every column except the target is left out";
    let fitted = TableModel::fit(&visits, "y", &options).map(drop);
    assert_eq!(fitted.unwrap_err().to_string(), message);
    let tested = TableModel::cross_validate(&visits, "y", &options, &|_| ControlFlow::Continue(()));
    assert_eq!(tested.map(drop).unwrap_err().to_string(), message);
}

#[test]
fn a_fold_without_one_of_two_classes() {
    let visits = table("who,day,y\nb,1,yes\na,2,yes\na,3,yes\na,4,yes\nb,5,no\nb,6,no\n");
    for (fold_by, rows) in [
        (FoldBy::Group("who".to_owned()), 3),
        (FoldBy::Time("day".to_owned()), 4),
    ] {
        let options = TableOptions {
            fold_by,
            folds: 2,
            bagged: Some(true),
            ..TableOptions::default()
        };
        assert_eq!(
            TableModel::fit(&visits, "y", &options)
                .map(drop)
                .unwrap_err()
                .to_string(),
            format!(
                "column `y`: expected at least two different values of the target in the {rows} rows that a network is \
                 trained on, got only `yes`; divide the rows in another way"
            )
        );
    }
}

#[test]
fn too_few_rows_for_the_folds() {
    let error = TableModel::fit(&table("a,y\n1,2\n2,3\n4,7\n"), "y", &TableOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "5 folds of 3 rows: expected at least 2 folds and a row for each"
    );
}

#[test]
fn a_column_that_the_model_does_not_use() {
    for column in ["id", "price", "colour"] {
        let error = house_model()
            .partial_dependence(&houses(0, 9), column, &Default::default())
            .unwrap_err();
        assert_eq!(error.to_string(), format!("the model does not use a column `{column}`"));
    }
}
