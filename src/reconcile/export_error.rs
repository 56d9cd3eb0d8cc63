use rust_xlsxwriter::XlsxError;

use super::sheet::SheetError;

/// A statement cannot be made into a file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("it cannot be written: {0}")]
    Io(#[from] std::io::Error),
    #[error("the CSV cannot be written: {0}")]
    Csv(#[from] csv::Error),
    #[error("the workbook cannot be written: {0}")]
    Xlsx(#[from] XlsxError),
    #[error("the page cannot be made: {0}")]
    Sheet(#[from] SheetError),
    #[error("the key cannot sign: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}
