//! The types of an expression in a manifest, found before it is ever run: an expression that names
//! something unknown, or compares a text with a number, would fail at each payment and say nothing.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

/// The type of a value in an expression. Amounts, days and counts are whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CelType {
    Truth,
    Number,
    Text,
    List(Box<Self>),
    /// An item of an empty list: it goes with every type.
    Any,
}

/// A variable of expressions.
pub struct Variable {
    pub name: &'static str,
    kind: CelType,
    /// The least and the greatest value of a number.
    range: Option<(i64, i64)>,
}

/// What the programme says of payments: a comparison beyond it never holds.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The most that an amount of a payment may be, in its smallest unit.
    pub amount_max: i64,
    pub tiers: &'a [&'a str],
}

/// What a scope says of a name within `exists`, `all`, `map` and `filter`.
type Scope<'a> = Vec<(&'a str, CelType)>;

/// The variables that an expression may name. `program` gives their values.
#[must_use]
pub fn variables() -> Vec<Variable> {
    let number =
        |name, least, most| Variable { name, kind: CelType::Number, range: Some((least, most)) };
    let text = |name| Variable { name, kind: CelType::Text, range: None };
    vec![
        number("paid_minor", 0, i64::MAX),
        number("gross_minor", 0, i64::MAX),
        number("discount_minor", 0, i64::MAX),
        text("store"),
        text("scheme"),
        text("tier"),
        number("weekday", 1, 7),
        number("hour", 0, 23),
        number("visits", 0, i64::MAX),
        Variable { name: "categories", kind: CelType::List(Box::new(CelType::Text)), range: None },
        Variable { name: "birthday_month", kind: CelType::Truth, range: None },
    ]
}

/// Checks that an expression is a truth about a payment, which can hold.
///
/// # Errors
/// What is wrong, as a sentence for the person who writes the manifest.
pub fn check(expression: &IdedExpr) -> Result<(), String> {
    Checker { variables: variables(), tiers: None }.check(expression)
}

/// Checks that an expression can hold for payments of a programme.
///
/// # Errors
/// As [`check`].
pub fn check_within(expression: &IdedExpr, known: Known<'_>) -> Result<(), String> {
    let mut variables = variables();
    for variable in &mut variables {
        if let Some((_least, most)) = &mut variable.range
            && variable.name.ends_with("_minor")
        {
            *most = known.amount_max;
        }
    }
    Checker { variables, tiers: Some(known.tiers) }.check(expression)
}

impl CelType {
    fn in_words(&self) -> String {
        match self {
            Self::Truth => "a truth".to_owned(),
            Self::Number => "a whole number".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Any => "an item of an empty list".to_owned(),
        }
    }

    /// The type of two values that must be of one type.
    fn joined(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => Some(one.clone()),
            (Self::List(one), Self::List(other)) => {
                one.joined(other).map(|item| Self::List(Box::new(item)))
            }
            (one, other) => (one == other).then(|| one.clone()),
        }
    }
}

struct Checker<'k> {
    variables: Vec<Variable>,
    /// The programme's tiers, where they are known.
    tiers: Option<&'k [&'k str]>,
}

/// What a comparison with a number asks of a variable.
struct Asked<'a> {
    variable: &'a str,
    least: i64,
    most: i64,
}

impl Checker<'_> {
    fn check(&self, expression: &IdedExpr) -> Result<(), String> {
        match self.of(expression, &mut Vec::new())? {
            CelType::Truth => Ok(()),
            other => Err(format!("expected a truth (true or false), not {}", other.in_words())),
        }
    }

    fn of<'a>(&self, node: &'a IdedExpr, scope: &mut Scope<'a>) -> Result<CelType, String> {
        match &node.expr {
            Expr::Ident(name) => self.named(name, scope),
            Expr::Literal(literal) => literal_type(literal),
            Expr::List(list) => {
                let mut item = CelType::Any;
                for element in &list.elements {
                    let next = self.of(element, scope)?;
                    item = item.joined(&next).ok_or("a list holds items of one type")?;
                }
                Ok(CelType::List(Box::new(item)))
            }
            Expr::Call(call) => self.call(call, scope),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, scope),
            Expr::Select(select) => Err(format!("there is no field .{} here", select.field)),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("maps and structures are not taken here".to_owned())
            }
        }
    }

    fn named(&self, name: &str, scope: &Scope<'_>) -> Result<CelType, String> {
        if let Some((_name, kind)) = scope.iter().rev().find(|(known, _kind)| *known == name) {
            return Ok(kind.clone());
        }
        let variable = self.variables.iter().find(|variable| variable.name == name);
        variable.map(|variable| variable.kind.clone()).ok_or_else(|| {
            let known: Vec<&str> = self.variables.iter().map(|variable| variable.name).collect();
            format!("undeclared reference to {name:?}; known are: {}", known.join(", "))
        })
    }

    fn call<'a>(&self, call: &'a CallExpr, scope: &mut Scope<'a>) -> Result<CelType, String> {
        let mut types = Vec::new();
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            types.push(self.of(argument, scope)?);
        }
        let name = call.func_name.as_str();
        let found = match types.as_slice() {
            [one] => unary(name, one),
            [one, other] => binary(name, call.target.is_some(), one, other),
            [CelType::Truth, one, other] if name == operators::CONDITIONAL => one.joined(other),
            _ => None,
        };
        let Some(found) = found else {
            let types: Vec<String> = types.iter().map(CelType::in_words).collect();
            let name = name.trim_matches(['_', '@']);
            return Err(format!("{name} does not go with {}", types.join(" and ")));
        };
        if let [one, other] = call.args.as_slice() {
            divides(name, other)?;
            self.can_hold(name, one, other, scope)?;
            self.names_a_tier(name, one, other, scope)?;
        }
        if name == operators::LOGICAL_AND {
            self.can_hold_together(call)?;
        }
        Ok(found)
    }

    /// A comparison of a variable with a number must hold for some value of the variable.
    fn can_hold(
        &self,
        name: &str,
        one: &IdedExpr,
        other: &IdedExpr,
        scope: &Scope<'_>,
    ) -> Result<(), String> {
        let Some(asked) = asked(name, one, other) else { return Ok(()) };
        if is_shadowed(asked.variable, scope) {
            return Ok(());
        }
        let Some((least, most)) = self.range(asked.variable) else { return Ok(()) };
        if asked.least.max(least) <= asked.most.min(most) {
            return Ok(());
        }
        let most = if most == i64::MAX { "any number".to_owned() } else { most.to_string() };
        let variable = asked.variable;
        Err(format!("{variable} is {least} to {most}: this comparison never holds"))
    }

    /// Comparisons that must all hold leave some value to each variable.
    fn can_hold_together(&self, call: &CallExpr) -> Result<(), String> {
        let mut all: Vec<Asked<'_>> = Vec::new();
        let mut waiting: Vec<&IdedExpr> = call.args.iter().collect();
        while let Some(node) = waiting.pop() {
            let Expr::Call(inner) = &node.expr else { continue };
            if inner.func_name == operators::LOGICAL_AND {
                waiting.extend(&inner.args);
            } else if let [one, other] = inner.args.as_slice() {
                all.extend(asked(&inner.func_name, one, other));
            }
        }
        for variable in &self.variables {
            let Some((mut least, mut most)) = variable.range else { continue };
            for asked in all.iter().filter(|asked| asked.variable == variable.name) {
                (least, most) = (least.max(asked.least), most.min(asked.most));
            }
            if least > most {
                return Err(format!("these comparisons of {} never hold together", variable.name));
            }
        }
        Ok(())
    }

    /// A tier that an expression names is one of the programme's, or "" for none.
    fn names_a_tier(
        &self,
        name: &str,
        one: &IdedExpr,
        other: &IdedExpr,
        scope: &Scope<'_>,
    ) -> Result<(), String> {
        let Some(tiers) = self.tiers.filter(|_tiers| !is_shadowed("tier", scope)) else {
            return Ok(());
        };
        let named = match (&one.expr, &other.expr) {
            (Expr::Ident(variable), Expr::List(list))
                if variable == "tier" && name == operators::IN =>
            {
                list.elements.iter().filter_map(text).collect()
            }
            (Expr::Ident(variable), _) if variable == "tier" => text(other).into_iter().collect(),
            (_, Expr::Ident(variable)) if variable == "tier" => text(one).into_iter().collect(),
            _ => Vec::new(),
        };
        let compares = [operators::IN, operators::EQUALS, operators::NOT_EQUALS].contains(&name);
        let unknown = named.iter().find(|tier| !tier.is_empty() && !tiers.contains(tier));
        match unknown {
            Some(tier) if compares => Err(format!("the programme has no tier {tier:?}")),
            Some(_) | None => Ok(()),
        }
    }

    fn range(&self, variable: &str) -> Option<(i64, i64)> {
        self.variables.iter().find(|known| known.name == variable)?.range
    }

    fn comprehension<'a>(
        &self,
        comprehension: &'a ComprehensionExpr,
        scope: &mut Scope<'a>,
    ) -> Result<CelType, String> {
        let CelType::List(item) = self.of(&comprehension.iter_range, scope)? else {
            return Err("exists, all, map and filter go over a list".to_owned());
        };
        if comprehension.iter_var2.is_some() {
            return Err("expected one name for the items of a list".to_owned());
        }
        let before = scope.len();
        let start = self.of(&comprehension.accu_init, scope)?;
        scope.push((&comprehension.iter_var, *item));
        scope.push((&comprehension.accu_var, start.clone()));
        let condition = self.of(&comprehension.loop_cond, scope)?;
        let step = self.of(&comprehension.loop_step, scope)?;
        let (Some(end), CelType::Truth) = (start.joined(&step), condition) else {
            return Err("exists, all and filter ask for a truth about each item".to_owned());
        };
        scope.truncate(before);
        scope.push((&comprehension.accu_var, end));
        let result = self.of(&comprehension.result, scope);
        scope.truncate(before);
        result
    }
}

fn literal_type(literal: &LiteralValue) -> Result<CelType, String> {
    match literal {
        LiteralValue::Boolean(_) => Ok(CelType::Truth),
        LiteralValue::Int(_) => Ok(CelType::Number),
        LiteralValue::String(_) => Ok(CelType::Text),
        LiteralValue::Double(_) | LiteralValue::UInt(_) => {
            Err("expected whole numbers, without a point and without u".to_owned())
        }
        LiteralValue::Bytes(_) | LiteralValue::Null => {
            Err("bytes and null are not taken here".to_owned())
        }
    }
}

fn unary(name: &str, one: &CelType) -> Option<CelType> {
    match (name, one) {
        (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, CelType::Truth) => {
            Some(CelType::Truth)
        }
        (operators::NEGATE, CelType::Number)
        | ("size", CelType::Text | CelType::List(_))
        | ("int", CelType::Number | CelType::Text) => Some(CelType::Number),
        ("string", CelType::Number | CelType::Truth | CelType::Text) => Some(CelType::Text),
        _ => None,
    }
}

fn binary(name: &str, is_member: bool, one: &CelType, other: &CelType) -> Option<CelType> {
    match (name, one, other) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR, CelType::Truth, CelType::Truth) => {
            Some(CelType::Truth)
        }
        (operators::EQUALS | operators::NOT_EQUALS, one, other) => {
            one.joined(other).map(|_same| CelType::Truth)
        }
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            CelType::Number,
            CelType::Number,
        )
        | (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            CelType::Text,
            CelType::Text,
        ) => Some(CelType::Truth),
        (
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO,
            CelType::Number,
            CelType::Number,
        ) => Some(CelType::Number),
        (operators::ADD, CelType::Number | CelType::Text | CelType::List(_), _) => {
            one.joined(other)
        }
        (operators::IN, one, CelType::List(item)) => one.joined(item).map(|_item| CelType::Truth),
        (operators::INDEX, CelType::List(item), CelType::Number) => Some((**item).clone()),
        ("contains" | "startsWith" | "endsWith" | "matches", CelType::Text, CelType::Text)
            if is_member =>
        {
            Some(CelType::Truth)
        }
        ("matches", CelType::Text, CelType::Text) => Some(CelType::Truth),
        _ => None,
    }
}

fn divides(name: &str, by: &IdedExpr) -> Result<(), String> {
    let divides = [operators::DIVIDE, operators::MODULO].contains(&name);
    if divides && whole_number(by) == Some(0) {
        return Err("a division by 0 has no value".to_owned());
    }
    Ok(())
}

/// Whether `exists` and its kin have given that name to an item of a list.
fn is_shadowed(variable: &str, scope: &Scope<'_>) -> bool {
    scope.iter().any(|(known, _kind)| *known == variable)
}

/// What a comparison asks of a variable, where it is one of a variable with a number.
fn asked<'a>(name: &str, one: &'a IdedExpr, other: &'a IdedExpr) -> Option<Asked<'a>> {
    if let (operators::IN, Expr::Ident(variable), Expr::List(list)) = (name, &one.expr, &other.expr)
    {
        let numbers: Option<Vec<i64>> = list.elements.iter().map(whole_number).collect();
        let numbers = numbers?;
        let (least, most) = (*numbers.iter().min()?, *numbers.iter().max()?);
        return Some(Asked { variable, least, most });
    }
    let (variable, operator, number) = match (&one.expr, &other.expr) {
        (Expr::Ident(variable), _) => (variable, name, whole_number(other)?),
        (_, Expr::Ident(variable)) => (variable, mirrored(name), whole_number(one)?),
        _ => return None,
    };
    // Beyond all numbers nothing is greater or less: the range is empty then.
    let nothing = (i64::MAX, i64::MIN);
    let (least, most) = match operator {
        operators::EQUALS => (number, number),
        operators::GREATER => number.checked_add(1).map_or(nothing, |least| (least, i64::MAX)),
        operators::GREATER_EQUALS => (number, i64::MAX),
        operators::LESS => number.checked_sub(1).map_or(nothing, |most| (i64::MIN, most)),
        operators::LESS_EQUALS => (i64::MIN, number),
        _ => return None,
    };
    Some(Asked { variable, least, most })
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// A comparison as it reads from the other side.
fn mirrored(operator: &str) -> &str {
    match operator {
        operators::GREATER => operators::LESS,
        operators::GREATER_EQUALS => operators::LESS_EQUALS,
        operators::LESS => operators::GREATER,
        operators::LESS_EQUALS => operators::GREATER_EQUALS,
        other => other,
    }
}

fn whole_number(node: &IdedExpr) -> Option<i64> {
    match &node.expr {
        Expr::Literal(LiteralValue::Int(number)) => Some(*number.inner()),
        Expr::Call(CallExpr { func_name, target: None, args }) => match args.as_slice() {
            [one] if func_name == operators::NEGATE => whole_number(one)?.checked_neg(),
            _ => None,
        },
        _ => None,
    }
}
