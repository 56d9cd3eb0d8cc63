//! QR codes (ISO/IEC 18004) as one path of an SVG: without a script, an image or a colour but black on
//! white.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around the code, as the standard asks.
const QUIET: i32 = 4;

/// A drawing in units of one module.
pub struct QrDrawing {
    /// Width and height, with the quiet zone.
    pub side: i32,
    /// The path of the dark modules.
    pub path: String,
}

impl QrDrawing {
    /// `None` for a text that is too long for a code.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Quartile).ok()?;
        let size = code.size();
        let mut path = String::new();
        for y in 0..size {
            for x in 0..size {
                if code.get_module(x, y) {
                    let (x, y) = (x.saturating_add(QUIET), y.saturating_add(QUIET));
                    path.push_str(&format!("M{x},{y}h1v1h-1z"));
                }
            }
        }
        let side = size.saturating_add(QUIET.saturating_mul(2));
        Some(Self { side, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_digits_are_the_smallest_square_in_its_quiet_zone() {
        let drawing = QrDrawing::of("4821093755261180").unwrap();
        assert_eq!(drawing.side, 21 + 2 * QUIET);
        assert!(drawing.path.starts_with("M4,4h1v1h-1z"), "{}", drawing.path);
        assert!(QrDrawing::of(&"x".repeat(5_000)).is_none());
    }
}
