use std::fmt;
use std::sync::Arc;

use cel::{Context, Program, Value};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A condition in the Common Expression Language (cel.dev), compiled when the manifest is read.
/// Amounts are whole numbers of the smallest unit, so that no float is in it: `paid_minor`,
/// `gross_minor`, `discount_minor`, beside `store`, `scheme`, `tier`, `weekday` (1 is Monday),
/// `hour`, `visits`, `categories` and `birthday_month`.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    program: Arc<Program>,
}

impl Expression {
    /// Whether it is true of these values. An expression that fails, or is not a truth, is not.
    #[must_use]
    pub fn is_true(&self, values: &[(&'static str, Value)]) -> bool {
        let mut context = Context::default();
        for (name, value) in values {
            context.add_variable_from_value(*name, value.clone());
        }
        matches!(self.program.execute(&context), Ok(Value::Bool(true)))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let program = Program::compile(&text)
            .map_err(|error| D::Error::custom(format!("not a CEL expression: {error}")))?;
        Ok(Self { text: text.into(), program: Arc::new(program) })
    }
}
