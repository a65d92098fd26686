//! Reading bytes from the front, and never past their end.

/// What is still to be read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(&'a [u8]);

/// There was less than was announced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Short;

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(size).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Bytes behind their number in one byte.
    pub(super) fn short(&mut self) -> Result<&'a [u8], Short> {
        let size = self.byte()?;
        self.take(size.into())
    }

    /// Bytes behind their number in four.
    pub(super) fn long(&mut self) -> Result<&'a [u8], Short> {
        let size = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(size).map_err(|_| Short)?)
    }
}
