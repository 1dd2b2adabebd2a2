//! A classifier of images: softmax cross-entropy, mini-batches in an order drawn anew each epoch, accuracy on samples
//! it is not trained on.

use mlp_core::{
    ConfusionMatrix, Epoch, FitOptions, GradientDescent, LeakyRelu, Mlp, Samples as TrainingSamples,
    SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

use crate::digits::{self, Digits};
use crate::error::Error;
use crate::idx::{self, Mnist, Part};
use crate::memory;

/// Images of one size and their classes, in a part to train on and a part to test with.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Pixels of an image.
    pub pixels: usize,
    /// The greatest value of a pixel; the least is 0.
    pub max_pixel: u8,
    /// What the least value becomes as an input of the network; the greatest becomes 1.
    pub least_input: f64,
    /// The number of classes.
    pub classes: usize,
    /// What is trained on.
    pub train: Part,
    /// What is tested with.
    pub test: Part,
}

impl Task {
    /// The 8x8 digits, of which a fifth of each class, drawn with `seed`, is the test part. Inputs are -1 to 1: a third
    /// of the ink is there on average, and centred inputs are learnt better.
    #[must_use]
    pub fn digits(seed: u64) -> Self {
        let Digits { images, labels } = Digits::load();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut parts = [(); 2].map(|()| Part {
            images: vec![],
            labels: vec![],
        });
        for class in 0..digits::CLASSES {
            let mut members: Vec<_> = (0..labels.len()).filter(|&i| usize::from(labels[i]) == class).collect();
            members.shuffle(&mut rng);
            let test = (members.len() + 2) / 5;
            for (place, i) in members.into_iter().enumerate() {
                let part = &mut parts[usize::from(place < test)];
                part.images
                    .extend_from_slice(&images[i * digits::PIXELS..][..digits::PIXELS]);
                part.labels.push(labels[i]);
            }
        }
        let [train, test] = parts;
        Self {
            pixels: digits::PIXELS,
            max_pixel: digits::MAX_PIXEL,
            least_input: -1.0,
            classes: digits::CLASSES,
            train,
            test,
        }
    }

    /// The MNIST digits. Inputs are 0 to 1: most of an image is paper, which 0 leaves out of all products.
    #[must_use]
    pub fn mnist(Mnist { train, test }: Mnist) -> Self {
        Self {
            pixels: idx::PIXELS,
            max_pixel: u8::MAX,
            least_input: 0.0,
            classes: idx::CLASSES,
            train,
            test,
        }
    }

    /// The images of a part, pixels x n, each pixel between [`least_input`](Self::least_input) and 1.
    fn input<T: Element>(&self, part: &Part) -> Matrix<T> {
        let step = (1.0 - self.least_input) / f64::from(self.max_pixel);
        let input = |pixel| T::from_f64(self.least_input + step * f64::from(pixel));
        let values: Vec<T> = (0..=self.max_pixel).map(input).collect();
        let pixels = part.images.iter().map(|&pixel| values[usize::from(pixel)]).collect();
        Matrix::from_vec(self.pixels, part.labels.len(), pixels)
    }
}

/// The network and how it is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// The learning rate eta.
    pub learning_rate: f64,
    /// Samples in a mini-batch.
    pub batch_size: usize,
    /// The seed of the initial weights and of the order of the samples.
    pub seed: u64,
}

/// A network with leaky ReLU that learns a [`Task`], an epoch at a time.
#[derive(Clone, Debug)]
pub struct Classifier<T: Element> {
    network: Mlp<Matrix<T>>,
    trainer: Trainer<Matrix<T>, SoftmaxCrossEntropy, GradientDescent>,
    options: FitOptions,
    train: (Matrix<T>, Matrix<T>),
    test: (Matrix<T>, Vec<u8>),
    classes: usize,
}

impl<T: Element> Classifier<T> {
    /// The network before the first epoch.
    ///
    /// # Errors
    ///
    /// A learning rate out of its range, a hidden layer of size 0, or a network too large for the memory.
    pub fn new(task: &Task, settings: &Settings) -> Result<Self, Error> {
        let optimizer = GradientDescent::new(settings.learning_rate)?;
        let layers = [&[task.pixels], settings.hidden.as_slice(), &[task.classes]].concat();
        let images = task.train.labels.len() + task.test.labels.len();
        let batch = settings.batch_size.min(task.train.labels.len());
        memory::check::<T>(&layers, batch, images * (task.pixels + 1))?;
        let network = Mlp::builder(&layers)
            .hidden(LeakyRelu::default())
            .seed(settings.seed)
            .build()?;
        let classes = task
            .train
            .labels
            .iter()
            .map(|&label| T::from_f64(f64::from(label)))
            .collect();
        Ok(Self {
            network,
            trainer: Trainer::new(SoftmaxCrossEntropy::with_classes(), optimizer),
            options: FitOptions::epochs(1)
                .batch_size(settings.batch_size)
                .shuffle(settings.seed),
            train: (
                task.input(&task.train),
                Matrix::from_vec(1, task.train.labels.len(), classes),
            ),
            test: (task.input(&task.test), task.test.labels.clone()),
            classes: task.classes,
        })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Mlp<Matrix<T>> {
        &self.network
    }

    /// Once through the training part. Returns the loss: the mean over the batches, each before its update.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the loss or a parameter stops being finite; the network is then the one before.
    pub fn epoch(&mut self) -> Result<f64, Error> {
        let samples = TrainingSamples::new(&self.train.0, &self.train.1)?;
        let mut loss = f64::NAN;
        self.trainer
            .fit(&mut self.network, samples, self.options, |epoch: Epoch<'_, _, _>| {
                loss = epoch.loss;
            })?;
        Ok(loss)
    }

    /// What the network takes the test part for.
    pub fn test(&self) -> ConfusionMatrix {
        let (input, labels) = &self.test;
        let mut matrix = ConfusionMatrix::new(self.classes);
        for (logits, &label) in self.network.predict(input).iter_columns().zip(labels) {
            matrix.record(usize::from(label), greatest(logits));
        }
        matrix
    }
}

/// The place of the greatest number, the first of them if there are several.
fn greatest<T: Element>(logits: &[T]) -> usize {
    (1..logits.len()).fold(0, |best, i| {
        if logits[i].to_f64() > logits[best].to_f64() {
            i
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        hidden: vec![],
        learning_rate: 0.1,
        batch_size: 32,
        seed: 0,
    };

    #[test]
    fn a_fifth_of_each_class_is_held_out() {
        let task = Task::digits(0);
        let count = |part: &Part, class| part.labels.iter().filter(|&&label| usize::from(label) == class).count();
        for class in 0..10 {
            let (train, test) = (count(&task.train, class), count(&task.test, class));
            assert!((4 * test).abs_diff(train) <= 4, "class {class}: {train} and {test}");
        }
        assert_eq!((task.train.labels.len(), task.test.labels.len()), (1438, 359));
    }

    #[test]
    fn the_parts_together_are_all_digits_each_once() {
        let sorted = |parts: &[&Part]| {
            let pairs = parts
                .iter()
                .flat_map(|part| part.images.chunks(digits::PIXELS).zip(&part.labels));
            let mut pairs: Vec<_> = pairs.map(|(image, &label)| (image.to_vec(), label)).collect();
            pairs.sort();
            pairs
        };
        let Digits { images, labels } = Digits::load();
        let task = Task::digits(3);
        assert_eq!(sorted(&[&task.train, &task.test]), sorted(&[&Part { images, labels }]));
        assert_eq!(task, Task::digits(3));
        assert_ne!(task.test, Task::digits(4).test);
    }

    /// Class c has its ink in pixel c.
    fn easy() -> Task {
        let part = |n: u8| Part {
            images: (0..n)
                .flat_map(|i| [0, 1, 2].map(|pixel| if pixel == i % 3 { 200 } else { 10 }))
                .collect(),
            labels: (0..n).map(|i| i % 3).collect(),
        };
        Task {
            pixels: 3,
            max_pixel: 200,
            least_input: 0.0,
            classes: 3,
            train: part(30),
            test: part(9),
        }
    }

    fn learns<T: Element>() {
        let settings = Settings {
            hidden: vec![5],
            batch_size: 4,
            learning_rate: 0.5,
            ..SETTINGS
        };
        let mut classifier = Classifier::<T>::new(&easy(), &settings).unwrap();
        assert_eq!(classifier.network().layer_sizes(), [3, 5, 3]);
        let losses: Vec<_> = (0..30).map(|_| classifier.epoch().unwrap()).collect();
        assert!(losses[29] < 0.05 && losses[0] > 0.5, "{losses:?}");
        let test = classifier.test();
        assert_eq!((test.accuracy(), test.total(), test.count(2, 2)), (Some(1.0), 9.0, 3.0));
    }

    #[test]
    fn an_easy_task_is_learnt() {
        learns::<f32>();
        learns::<f64>();
    }

    #[test]
    fn the_same_seed_goes_the_same_way() {
        let losses = |seed| {
            let settings = Settings {
                hidden: vec![4],
                seed,
                batch_size: 4,
                ..SETTINGS
            };
            let mut classifier = Classifier::<f32>::new(&easy(), &settings).unwrap();
            (0..3).map(|_| classifier.epoch().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(losses(1), losses(1));
        assert_ne!(losses(1), losses(2));
    }

    #[test]
    fn the_order_of_the_samples_depends_on_the_seed() {
        let start = |seed| {
            let settings = Settings {
                hidden: vec![4],
                seed,
                batch_size: 4,
                ..SETTINGS
            };
            Classifier::<f32>::new(&easy(), &settings).unwrap()
        };
        let (mut one, mut two) = (start(1), start(2));
        two.network.clone_from(&one.network);
        assert_ne!(
            one.epoch().unwrap(),
            two.epoch().unwrap(),
            "the same weights, another order"
        );
    }

    #[test]
    fn pixels_are_scaled() {
        let task = easy();
        assert_eq!(task.input::<f64>(&task.test).column(1), [0.05, 1.0, 0.05]);
        let task = Task {
            least_input: -1.0,
            ..task
        };
        assert_eq!(task.input::<f32>(&task.test).column(1), [-0.9, 1.0, -0.9]);
        let (digits, mnist) = (
            Task::digits(0),
            Mnist {
                train: task.train.clone(),
                test: task.test.clone(),
            },
        );
        let range = |task: &Task| {
            let values = task.input::<f64>(&task.test).into_vec();
            values
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
                    (low.min(v), high.max(v))
                })
        };
        assert_eq!(range(&digits), (-1.0, 1.0));
        assert_eq!(
            (Task::mnist(mnist.clone()).least_input, Task::mnist(mnist).max_pixel),
            (0.0, 255)
        );
    }

    #[test]
    fn the_first_of_the_greatest_wins() {
        assert_eq!(greatest(&[1.0, 3.0, 2.0, 3.0]), 1);
        assert_eq!(greatest(&[f64::NEG_INFINITY; 3]), 0);
    }
}
