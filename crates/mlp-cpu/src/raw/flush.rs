//! The mode of the processor in which subnormal numbers count as zero.
//!
//! An instruction that meets a subnormal number takes about 150 cycles on many processors. Such numbers are common in
//! training: the moments of dead units decay to them, and the derivatives in the tails of an activation are among them.
//! Networks therefore compute in the mode of the processor that takes subnormal operands and results for zeros (FTZ and
//! DAZ on x86-64, FZ on AArch64). On other targets, everything here does nothing.
//!
//! Rust assumes that programs leave these bits alone. A compiler that relies on it may compute a constant as if
//! subnormal numbers existed, or move arithmetic between registers over the switch. No kernel depends on either: they
//! read their operands from memory and write their results to memory, and the switch orders accesses to memory. The
//! alternatives are worse. Replacing small results by zeros with ordinary instructions does not reach partial sums and
//! the intermediate numbers of a formula. A switch in each kernel would be outside of the rules just as well, and would
//! cost a prediction for one sample of a small network a sixth of its time. So this file alone has the switch, it is
//! held for one operation of a network, and the caller's mode is restored at its end, also by a panic.

#[cfg(test)]
mod tests;

/// The floating-point mode of a thread: rounding, exceptions, subnormal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(register::Bits);

impl Mode {
    /// Returns the mode of this thread.
    pub(crate) fn current() -> Self {
        Self(register::read())
    }

    /// Puts this thread into the mode until the guard is dropped.
    pub(crate) fn enter(self) -> Guard {
        change(|_| self.0)
    }
}

/// Has this thread take subnormal numbers for zeros until the guard is dropped.
#[inline(always)]
pub(crate) fn flush_subnormals() -> Guard {
    change(|bits| bits | register::FLUSH)
}

/// Within another guard, there is nothing to change, and only the register is read.
#[inline(always)]
fn change(new: impl Fn(register::Bits) -> register::Bits) -> Guard {
    let before = register::read();
    let new = new(before);
    if new == before {
        return Guard(None);
    }
    register::write(new);
    Guard(Some(before))
}

/// Restores the mode before, if it was another one.
#[must_use]
pub(crate) struct Guard(Option<register::Bits>);

impl Drop for Guard {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            register::write(before);
        }
    }
}

/// MXCSR.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod register {
    use core::arch::asm;

    pub(super) type Bits = u32;

    /// Flush to zero, and denormals are zero.
    pub(super) const FLUSH: Bits = 1 << 15 | 1 << 6;

    #[inline(always)]
    pub(super) fn read() -> Bits {
        let mut bits = 0;
        // SAFETY: the instruction writes the 4 bytes of `bits`.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut bits, options(nostack, preserves_flags)) };
        bits
    }

    #[inline(always)]
    pub(super) fn write(bits: Bits) {
        // SAFETY: the instruction reads the 4 bytes of `bits`. They were read from the register, perhaps with `FLUSH`
        // added, so no reserved bit is set. The module's documentation says why the mode may change.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const bits, options(nostack, preserves_flags)) };
    }
}

/// FPCR.
#[cfg(all(target_arch = "aarch64", not(miri)))]
mod register {
    use core::arch::asm;

    pub(super) type Bits = u64;

    /// Flush to zero, operands and results.
    pub(super) const FLUSH: Bits = 1 << 24;

    #[inline(always)]
    pub(super) fn read() -> Bits {
        let bits;
        // SAFETY: the instruction only reads the register.
        unsafe { asm!("mrs {}, fpcr", out(reg) bits, options(nostack, preserves_flags)) };
        bits
    }

    #[inline(always)]
    pub(super) fn write(bits: Bits) {
        // SAFETY: the bits were read from the register, perhaps with `FLUSH` added, so no reserved bit is set. The
        // module's documentation says why the mode may change.
        unsafe { asm!("msr fpcr, {}", in(reg) bits, options(nostack, preserves_flags)) };
    }
}

/// No register.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod register {
    pub(super) type Bits = u32;

    pub(super) const FLUSH: Bits = 0;

    pub(super) fn read() -> Bits {
        0
    }

    pub(super) fn write(_: Bits) {}
}
