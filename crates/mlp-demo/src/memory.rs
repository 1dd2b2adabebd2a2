//! Checks whether the memory that training needs can be allocated.

use crate::error::Error;

/// Checks that the memory for training a network can be allocated. It allocates all of the memory in one piece and
/// frees it again, so that a network that is too large gives an error message now instead of ending the process later.
///
/// The memory consists of these numbers of type `T`: the parameters of a network of `layers`, their gradient, three
/// numbers per neuron and sample of a batch of `batch` samples, and `data` numbers of samples.
///
/// # Errors
///
/// Returns [`Error::Refused`] with the number of bytes if they cannot be allocated.
pub(crate) fn check<T>(layers: &[usize], batch: usize, data: usize) -> Result<(), Error> {
    let wide = |n: usize| n as u128;
    let (mut parameters, mut neurons) = (0_u128, 0_u128);
    for pair in layers.windows(2) {
        parameters = parameters.saturating_add((wide(pair[0]) + 1).saturating_mul(wide(pair[1])));
        neurons += wide(pair[1]);
    }
    let numbers = parameters
        .saturating_mul(2)
        .saturating_add(neurons.saturating_mul(3).saturating_mul(wide(batch)))
        .saturating_add(wide(data));
    let bytes = numbers.saturating_mul(wide(size_of::<T>()));
    let fits = usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if fits {
        return Ok(());
    }
    let message = format!("training the network {layers:?} needs {bytes} bytes, more than can be allocated");
    Err(Error::Refused(message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_networks_fit() {
        assert!(check::<f64>(&[784, 512, 512, 10], 128, 47_040_000).is_ok());
    }

    #[test]
    fn large_networks_say_how_many_bytes_they_need() {
        let bytes = |layers: &[usize], batch, data| {
            let message = check::<f32>(layers, batch, data).unwrap_err().to_string();
            message
                .split(" needs ")
                .nth(1)
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .parse::<u128>()
                .unwrap()
        };
        let n = 1 << 40;
        let wide = n as u128;
        assert_eq!(bytes(&[1, n, 1], 0, 0), 4 * 2 * (2 * wide + wide + 1));
        assert_eq!(
            bytes(&[1, n, 1], 10, 7),
            4 * (2 * (2 * wide + wide + 1) + 3 * (wide + 1) * 10 + 7)
        );
        assert_eq!(bytes(&[1, 1], n, 0), 4 * (4 + 3 * wide));
        assert_eq!(bytes(&[usize::MAX; 3], usize::MAX, usize::MAX), u128::MAX);
    }
}
