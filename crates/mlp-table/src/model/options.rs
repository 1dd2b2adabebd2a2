//! How a model is trained.

use crate::{Columns, EpochReport, FoldBy, Inference, Overrides, PreprocessingOptions, Recipe, Table, TableError};
use std::ops::ControlFlow;

/// The options of [`TableModel::fit`](crate::TableModel::fit).
///
/// ```
/// use mlp_table::{Recipe, TableOptions};
///
/// let options = TableOptions {
///     recipe: Recipe::TdS,
///     bagged: Some(true),
///     ..TableOptions::default()
/// };
/// assert_eq!((options.folds, options.seeds), (5, 1));
/// ```
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// How the networks are built and trained.
    pub recipe: Recipe,
    /// Numbers that replace those of the recipe.
    pub overrides: Overrides,
    /// The seed of the folds, the initial weights and the order of the rows. The default is 0.
    pub seed: u64,
    /// Whether a network is trained for each fold, without its rows, and their predictions are averaged. Otherwise there
    /// is one network, without the rows of the first fold. By default the recipe decides. With [`FoldBy::Time`] there is
    /// always one network, without the rows of the last fold.
    pub bagged: Option<bool>,
    /// The number of folds. The default is 5.
    pub folds: usize,
    /// The number of networks per fold, each with a seed of its own. The default is 1.
    pub seeds: usize,
    /// How rows are divided into folds.
    pub fold_by: FoldBy,
    /// How the kinds of the columns are found out.
    pub inference: Inference,
    /// How columns become features. By default the recipe decides.
    pub preprocessing: Option<PreprocessingOptions>,
    /// A hash of the data or its name, which the file of the model keeps.
    pub data: Option<String>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            recipe: Recipe::default(),
            overrides: Overrides::default(),
            seed: 0,
            bagged: None,
            folds: 5,
            seeds: 1,
            fold_by: FoldBy::default(),
            inference: Inference::default(),
            preprocessing: None,
            data: None,
        }
    }
}

impl TableOptions {
    /// Finds out what the columns of a table are, as a training with these options does: by [`Inference::infer`]. The
    /// column of [`FoldBy::Group`] is left out.
    ///
    /// ```
    /// use mlp_table::{FoldBy, Table, TableOptions};
    ///
    /// let visits = Table::from_csv("who,age,cost\na,31,7\na,32,9\nb,54,8\nc,40,5\n".as_bytes())?;
    /// let options = TableOptions { fold_by: FoldBy::Group("who".into()), ..TableOptions::default() };
    /// let columns = options.columns(&visits, "cost")?;
    /// assert_eq!(columns.notes(), ["column `who` is left out: it is the group of the folds"]);
    /// # Ok::<(), mlp_table::TableError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Inference::infer`]; also if the group is the only column to learn from.
    pub fn columns(&self, table: &Table, target: &str) -> Result<Columns, TableError> {
        let columns = self.inference.infer(table, target)?;
        match &self.fold_by {
            FoldBy::Group(name) => columns.without(table, name, "it is the group of the folds"),
            FoldBy::Row | FoldBy::Time(_) => Ok(columns),
        }
    }
}

/// What [`TableModel::fit_with`](crate::TableModel::fit_with) tells after each epoch of each network.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrainingProgress {
    /// The number of the network, from 0.
    pub member: usize,
    /// The number of networks.
    pub members: usize,
    /// The epoch that ended.
    pub epoch: EpochReport,
}

/// Is told of each epoch, from several threads at a time. If it returns [`ControlFlow::Break`], the network keeps its
/// best epoch so far, and networks that have not begun are left out.
pub type Observer<'a> = &'a (dyn Fn(&TrainingProgress) -> ControlFlow<()> + Sync);
