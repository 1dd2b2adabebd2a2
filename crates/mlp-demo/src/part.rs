//! Images and the classes that they show.

use std::fmt;

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;

/// Number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;

/// Images of one size and their labels.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The pixels, image after image, each row by row from the top. 0 is paper, and the greatest value is ink.
    pub images: Vec<u8>,
    /// The class of each image.
    pub labels: Vec<u8>,
}

/// Shows the number of images instead of all their pixels.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("count", &self.labels.len())
            .finish_non_exhaustive()
    }
}

impl Part {
    /// Splits the images in two. The second result has one in `share` images of each class, drawn with `seed`; the
    /// first result has the other images.
    pub(crate) fn split(&self, share: usize, seed: u64) -> (Self, Self) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut rest, mut held_out) = (Self::default(), Self::default());
        let pixels = self.images.len() / self.labels.len().max(1);
        for class in 0..=self.labels.iter().copied().max().unwrap_or(0) {
            let mut members: Vec<_> = (0..self.labels.len()).filter(|&i| self.labels[i] == class).collect();
            members.shuffle(&mut rng);
            let share = (members.len() + share / 2) / share;
            for (place, i) in members.into_iter().enumerate() {
                let to = if place < share { &mut held_out } else { &mut rest };
                to.images.extend_from_slice(&self.images[i * pixels..][..pixels]);
                to.labels.push(class);
            }
        }
        (rest, held_out)
    }
}
