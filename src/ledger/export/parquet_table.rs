//! Parquet: a row for each entry. Amounts are minor units beside their scale, because a decimal of
//! 64 bits ends at 18 digits and our range has 19; times are microseconds of UTC.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::form::{ExportError, Form, Out};
use crate::store::reports::JournalTransaction;

const SCHEMA: &str = "message entries {
    required binary transaction_id (string);
    required int64 seq;
    required binary kind (string);
    required binary account (string);
    required binary owner_kind (string);
    required binary owner (string);
    required binary asset (string);
    required int64 amount_minor;
    required int32 scale;
    required binary rule (string);
    required int64 effective_at (timestamp(micros,true));
    required int64 recorded_at (timestamp(micros,true));
}";

/// Rows that are held before they are written as one group.
const GROUP_ROWS: usize = 32_768;

pub struct Table {
    out: SerializedFileWriter<Out>,
    rows: Rows,
}

/// Rows not yet written, a list a column, as Parquet keeps them.
#[derive(Default)]
struct Rows {
    transaction_id: Vec<ByteArray>,
    seq: Vec<i64>,
    kind: Vec<ByteArray>,
    account: Vec<ByteArray>,
    owner_kind: Vec<ByteArray>,
    owner: Vec<ByteArray>,
    asset: Vec<ByteArray>,
    amount_minor: Vec<i64>,
    scale: Vec<i32>,
    rule: Vec<ByteArray>,
    effective_at: Vec<i64>,
    recorded_at: Vec<i64>,
}

impl Table {
    pub fn begin(out: Out) -> Result<Self, ExportError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = Arc::new(WriterProperties::builder().build());
        let out = SerializedFileWriter::new(out, schema, properties)?;
        Ok(Self { out, rows: Rows::default() })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.seq.is_empty() {
            return Ok(());
        }
        let mut group = self.out.next_row_group()?;
        write_column::<ByteArrayType>(&mut group, &rows.transaction_id)?;
        write_column::<Int64Type>(&mut group, &rows.seq)?;
        write_column::<ByteArrayType>(&mut group, &rows.kind)?;
        write_column::<ByteArrayType>(&mut group, &rows.account)?;
        write_column::<ByteArrayType>(&mut group, &rows.owner_kind)?;
        write_column::<ByteArrayType>(&mut group, &rows.owner)?;
        write_column::<ByteArrayType>(&mut group, &rows.asset)?;
        write_column::<Int64Type>(&mut group, &rows.amount_minor)?;
        write_column::<Int32Type>(&mut group, &rows.scale)?;
        write_column::<ByteArrayType>(&mut group, &rows.rule)?;
        write_column::<Int64Type>(&mut group, &rows.effective_at)?;
        write_column::<Int64Type>(&mut group, &rows.recorded_at)?;
        group.close().map(|_metadata| ())
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Out>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column =
        column.ok_or_else(|| ParquetError::General("more columns than the schema".to_owned()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

impl Form for Table {
    fn transaction(&mut self, transaction: &JournalTransaction) -> Result<(), ExportError> {
        let id = ByteArray::from(transaction.id.to_string().into_bytes());
        let kind = ByteArray::from(transaction.kind.as_str());
        for entry in &transaction.entries {
            let (account, rows) = (&entry.account, &mut self.rows);
            rows.transaction_id.push(id.clone());
            rows.seq.push(entry.seq);
            rows.kind.push(kind.clone());
            rows.account.push(account.code.name().into());
            rows.owner_kind.push(account.owner.kind().into());
            rows.owner.push(account.owner.name().into_bytes().into());
            rows.asset.push(account.asset.code().into());
            rows.amount_minor.push(entry.amount.minor());
            rows.scale.push(i32::from(account.asset.scale()));
            rows.rule.push(entry.rule.as_str().into());
            rows.effective_at.push(transaction.effective_at.utc().timestamp_micros());
            rows.recorded_at.push(transaction.recorded_at.utc().timestamp_micros());
        }
        if self.rows.seq.len() >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.write_group()?;
        self.out.close()?;
        Ok(())
    }
}
