use std::fmt;
use std::sync::Arc;

use cel::{Context, Program, Value};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::expression_types::{self, Known};

/// A condition in the Common Expression Language (cel.dev), compiled and checked when the manifest is
/// read. Amounts are whole numbers of the smallest unit, so that no float is in it. The variables are
/// a closed list: `paid_minor`, `gross_minor`, `discount_minor`, beside `store`, `scheme`, `tier`,
/// `weekday` (1 is Monday), `hour`, `visits`, `categories` and `birthday_month`.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    program: Arc<Program>,
}

impl Expression {
    /// Whether it is true of these values. An expression that fails, such as by a division, is not.
    #[must_use]
    pub fn is_true(&self, values: &[(&'static str, Value)]) -> bool {
        matches!(run(&self.program, values), Ok(Value::Bool(true)))
    }
}

impl Expression {
    /// Why it never holds for a payment of a programme, if it never does.
    #[must_use]
    pub fn fault(&self, known: Known<'_>) -> Option<String> {
        expression_types::check_within(self.program.expression(), known).err()
    }
}

fn run(program: &Program, values: &[(&'static str, Value)]) -> cel::ResolveResult {
    let mut context = Context::default();
    for (name, value) in values {
        context.add_variable_from_value(*name, value.clone());
    }
    program.execute(&context)
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
        checked(&program).map_err(|what| D::Error::custom(format!("cel {text:?}: {what}")))?;
        Ok(Self { text: text.into(), program: Arc::new(program) })
    }
}

/// An expression says something of a payment, is well typed, and has a value for some payments.
fn checked(program: &Program) -> Result<(), String> {
    expression_types::check(program.expression())?;
    let references = program.references();
    let names = expression_types::variables();
    if !names.iter().any(|variable| references.has_variable(variable.name)) {
        return Err("it says nothing about the payment".to_owned());
    }
    let mut failed = None;
    for values in samples() {
        match run(program, &values) {
            Ok(_) => return Ok(()),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), |error| Err(format!("it has no value: {error}")))
}

/// Payments for which an expression must have a value: a small first one, and one with everything.
fn samples() -> [Vec<(&'static str, Value)>; 2] {
    let sample = |number: i64, text: &str, truth: bool| {
        let text = || Value::from(text.to_owned());
        vec![
            ("paid_minor", number.into()),
            ("gross_minor", number.into()),
            ("discount_minor", number.into()),
            ("store", text()),
            ("scheme", text()),
            ("tier", text()),
            ("weekday", 1_i64.into()),
            ("hour", 1_i64.into()),
            ("visits", number.into()),
            ("categories", Value::from(vec!["food".to_owned(), "tea".to_owned(), "1".to_owned()])),
            ("birthday_month", truth.into()),
        ]
    };
    [sample(1, "1", true), sample(20_000, "s-1", false)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cel: &str) -> Result<Expression, String> {
        #[derive(Deserialize)]
        struct Rule {
            cel: Expression,
        }
        let text = format!("cel = {}", toml::Value::String(cel.to_owned()));
        toml::from_str::<Rule>(&text).map(|rule| rule.cel).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn an_expression_that_can_be_meant_is_taken() {
        for cel in [
            "paid_minor >= 10000",
            "store == 's-cel' && paid_minor % 100 == 0 && visits > 0",
            "weekday in [6, 7] || hour >= 18",
            "categories.exists(c, c == 'tea') && !birthday_month",
            "categories.all(c, c.startsWith('t'))",
            "size(categories.filter(c, c != 'tea')) > 1",
            "'tea' in categories",
            "tier in ['gold', 'silver'] ? paid_minor > 100 : paid_minor > 200",
            "store.matches('^s-[0-9]+$')",
            "size(categories.map(c, size(c))) > 0",
            "gross_minor - discount_minor == paid_minor",
            "paid_minor / visits > 100",
            "store == '门店' || birthday_month == true",
        ] {
            assert_eq!(read(cel).map(|_read| ()), Ok(()), "{cel}");
        }
    }

    #[test]
    fn an_expression_holds_for_a_payment_of_the_programme() {
        let known = Known { amount_max: 1_000_000, tiers: &["silver", "gold"] };
        let fault = |cel: &str| read(cel).unwrap().fault(known);
        for cel in [
            "paid_minor >= 1000000",
            "tier in ['gold', '']",
            "tier != 'silver'",
            "categories.exists(tier, tier == 'tea')",
            "[8, 9].exists(weekday, weekday == 8) && hour > 1",
        ] {
            assert_eq!(fault(cel), None, "{cel}");
        }
        for (cel, why) in [
            ("paid_minor > 1000000", "paid_minor is 0 to 1000000"),
            ("gross_minor == 1000001 || hour > 1", "gross_minor is 0 to 1000000"),
            ("tier == 'platin'", "no tier \"platin\""),
            ("hour > 3 && tier in ['gold', 'platin']", "no tier \"platin\""),
        ] {
            assert!(fault(cel).is_some_and(|what| what.contains(why)), "{cel}");
        }
    }

    #[test]
    fn an_expression_that_cannot_be_meant_is_refused_with_the_reason() {
        for (cel, why) in [
            ("pay_minor > 100", "undeclared reference to \"pay_minor\""),
            ("paid_minor > 1 || pay_minor > 100", "undeclared reference"),
            ("paid_minor", "expected a truth"),
            ("store", "expected a truth"),
            ("paid_minor / 0 > 1", "division by 0"),
            ("store == 5", "== does not go with"),
            ("store > 5", "> does not go with"),
            ("birthday_month > 1", "> does not go with"),
            ("paid_minor > 1.5", "whole numbers"),
            ("paid_minor && true", "&& does not go with"),
            ("weekday == 8", "never holds"),
            ("25 < hour", "never holds"),
            ("paid_minor < 0", "never holds"),
            ("weekday in [8, 9]", "never holds"),
            ("weekday > 5 && hour > 1 && weekday < 3", "weekday never hold together"),
            ("categories == 'tea'", "== does not go with"),
            ("5 in categories", "in does not go with"),
            ("store.name == 'x'", "no field .name"),
            ("lower(store) == 'x'", "lower does not go with"),
            ("categories.exists(c, c > 5)", "> does not go with"),
            ("true", "says nothing"),
            ("store.matches('[')", "no value"),
            ("{'a': 1}['a'] == 1", "maps"),
        ] {
            let refused = read(cel).map(|_read| ()).unwrap_err();
            assert!(refused.contains(why), "{cel}: {refused}");
        }
    }
}
