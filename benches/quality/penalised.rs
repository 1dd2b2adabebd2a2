//! The L2 penalty of scikit-learn's networks.

use mlp_core::{
    Dense, HyperParameterError, NonFinite, Objective, Optimizer, OptimizerState, Scalar, StateError, Tensor, ZipFormula,
};

/// An optimiser of the loss plus lambda / 2 times the sum of the squares of the weights; biases are free.
pub(crate) struct Penalised<O> {
    optimizer: O,
    lambda: f64,
}

impl<O> Penalised<O> {
    pub(crate) fn new(optimizer: O, lambda: f64) -> Self {
        Self { optimizer, lambda }
    }
}

impl<B: Tensor, O: Optimizer<B>> Optimizer<B> for Penalised<O> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        let lambda = self.lambda;
        self.optimizer.step(layers, &mut Sum { objective, lambda })
    }

    fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.optimizer.set_learning_rate(learning_rate)
    }

    fn state(&self) -> OptimizerState<B> {
        self.optimizer.state()
    }

    fn restore(&mut self, state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        self.optimizer.restore(state, layers)
    }
}

struct Sum<'a, B: Tensor> {
    objective: &'a mut dyn Objective<B>,
    lambda: f64,
}

impl<B: Tensor> Objective<B> for Sum<'_, B> {
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64 {
        let loss = self.objective.evaluate(layers);
        let mut squares = 0.0;
        for (gradient, layer) in self.objective.gradient_mut().iter_mut().zip(layers) {
            squares += layer.weights.dot(&layer.weights);
            gradient
                .weights
                .zip((&layer.weights).into(), [], &AddTimes(self.lambda));
        }
        loss + 0.5 * self.lambda * squares
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        self.objective.gradient_mut()
    }
}

/// own + lambda other.
struct AddTimes(f64);

impl ZipFormula<0> for AddTimes {
    #[inline(always)]
    fn apply<T: Scalar>(&self, own: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
        (own + T::from_f64(self.0) * other, [])
    }
}
