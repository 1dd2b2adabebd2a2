//! Whether the memory that training takes can be had.

use crate::error::Error;

/// Asks the allocator for all that it takes to train a network, in one piece, and gives it back: so that a network
/// which cannot fit is a message now rather than the end of the process later.
///
/// That is, in numbers of the type `T`: the parameters of a network of `layers`, their gradient, three numbers per
/// neuron and sample of a batch of `batch`, and `data` numbers of samples.
///
/// # Errors
///
/// [`Error::Refused`] with the number of bytes.
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
