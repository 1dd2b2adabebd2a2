//! Fuzzes the readers of models of tables, and of the tables themselves.

use crate::check_message;
use crate::memory::bounded;
use crate::model::both;
use mlp_table::{Table, TableModel};

/// Checks that a file that loads as a model of a table can be saved, and that the saved file loads and saves to the same
/// bytes. The model must predict for a table without rows and refuse one without columns of its own, without a panic.
pub fn table(bytes: &[u8]) -> bool {
    both(bytes, |bytes| match bounded(bytes, TableModel::from_bytes) {
        Ok(model) => {
            let saved = model.to_bytes().expect("a loaded model can be saved");
            let again = TableModel::from_bytes(&saved).expect("a saved model can be loaded");
            assert!(again.to_bytes().unwrap() == saved, "saving again gave other bytes");
            drop(model.onnx_to_bytes());
            let other = Table::from_csv("a,b\n1,x\n,y\n".as_bytes()).unwrap();
            for table in [other.take(&[]), other] {
                if let Ok(predictions) = model.predict(&table) {
                    assert_eq!(predictions.len(), table.rows());
                }
            }
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    })
}

/// Checks that a text that is read as a table has columns, and that their numbers, if they are numbers, are as many as
/// there are cells.
pub fn csv(bytes: &[u8]) -> bool {
    match Table::from_csv(bytes) {
        Ok(table) => {
            let names: Vec<_> = table.names().collect();
            assert!(!names.is_empty());
            if let Ok(numbers) = table.numbers::<f64>(&names) {
                assert_eq!(numbers.shape(), (names.len(), table.rows()));
            }
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}
