//! Bodies without a Rust type of their own: they are passed on as they were recorded, or read field by
//! field, so that every problem is reported at once.

#![expect(dead_code, reason = "the document is made of their types; nothing reads their fields")]

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Discriminator, ObjectBuilder, OneOfBuilder, Type,
};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::strict::strict;
use crate::clock::Moment;
use crate::event::{
    Cancel, Commit, Contact, Difference, FieldProblem, Hold, Payment, Referral, Refund, Return,
};
use crate::ids::{ConsentId, CorrectionId, EventId, PartnerId, ReferralId, TransactionId};
use crate::ledger::AccountCode;
use crate::money::{Amount, Asset};

/// RFC 9457.
#[derive(ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Says what happened: `/problems/` and its slug.
    #[schema(rename = "type", pattern = "^/problems/[a-z-]+$")]
    pub kind: String,
    pub title: String,
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong this time, and how to correct it.
    pub detail: String,
    #[schema(required = false, nullable = false)]
    pub request_id: Option<String>,
    /// Each field that is wrong.
    #[schema(required = false)]
    pub problems: Vec<FieldProblem>,
    /// The event that came first.
    #[schema(required = false, nullable = false)]
    pub duplicate_of: Option<EventId>,
    #[schema(required = false)]
    pub differences: Vec<Difference>,
}

/// The outcome of an event, the same bytes for ever.
#[derive(ToSchema)]
pub struct Receipt {
    pub receipt: TransactionId,
    #[schema(nullable = false)]
    pub partner: Option<PartnerId>,
    #[schema(nullable = false)]
    pub event: Option<EventId>,
    #[schema(rename = "type")]
    pub kind: String,
    pub effective_at: Moment,
    pub recorded_at: Moment,
    /// What a reader should know that is not an error, such as `discount_undeclared`.
    pub marks: Vec<String>,
    /// They sum to zero in each asset.
    pub postings: Vec<Posting>,
    pub explanation: Vec<Reason>,
    #[schema(nullable = false)]
    pub referral: Option<ReferralOutcome>,
    /// The event under whose id the same content came first.
    #[schema(nullable = false)]
    pub duplicate_of: Option<EventId>,
    /// Stands in signed receipts of the sandbox only, and is `true`.
    #[schema(nullable = false)]
    pub sandbox: Option<bool>,
}

/// Positive where it adds to what the account's owner holds or is owed.
#[derive(ToSchema)]
pub struct Posting {
    pub account: AccountCode,
    pub asset: Asset,
    pub amount: Amount,
    /// The rule and its version, such as `earning:base@1`.
    pub rule: String,
}

/// Why, in plain words, with the numbers of the decision beside them. Which numbers there are depends
/// on `reason`.
#[derive(ToSchema)]
pub struct Reason {
    pub reason: String,
    pub says: String,
    pub says_zh: String,
    /// The rule and its version, such as `earning:base@1`.
    #[schema(nullable = false)]
    pub rule: Option<String>,
    #[schema(nullable = false)]
    pub paid: Option<Amount>,
    #[schema(nullable = false)]
    pub points: Option<Amount>,
    /// A decimal, as the rule states it.
    #[schema(nullable = false)]
    pub points_per_unit: Option<String>,
    #[schema(nullable = false)]
    pub points_per_visit: Option<Amount>,
    #[schema(nullable = false)]
    pub step_spend: Option<Amount>,
    #[schema(nullable = false)]
    pub step_points: Option<Amount>,
    #[schema(nullable = false)]
    pub each_spend: Option<Amount>,
    #[schema(nullable = false)]
    pub each_points: Option<Amount>,
    #[schema(nullable = false)]
    pub times: Option<i64>,
    /// A decimal, as the rule states it.
    #[schema(nullable = false)]
    pub multiplier: Option<String>,
    /// A decimal before rounding.
    #[schema(nullable = false)]
    pub unrounded: Option<String>,
    /// `down`, `half_up`, `half_even` or `up`.
    #[schema(nullable = false)]
    pub rounding: Option<String>,
    /// What the rule would give without its limit.
    #[schema(nullable = false)]
    pub wanted: Option<Amount>,
    #[schema(nullable = false)]
    pub given: Option<Amount>,
    /// The limit.
    #[schema(nullable = false)]
    pub most: Option<Amount>,
    /// What of the limit was used before.
    #[schema(nullable = false)]
    pub used: Option<Amount>,
    /// The limit: `day`, `month`, `campaign` or `budget`.
    #[schema(nullable = false)]
    pub by: Option<String>,
    /// A text; or, of a rule that gave nothing, the part of its condition that does not hold.
    #[schema(required = false)]
    pub because: Option<serde_json::Value>,
    /// The id of the limit of exposure, or of the pattern of payments.
    #[schema(nullable = false)]
    pub limit: Option<String>,
    /// Whose figure it is: `partner`, `customer` or `form`.
    #[schema(nullable = false)]
    pub of: Option<String>,
    /// What the figure counts: `points`, `subsidy`, `commission`, `redemption` or `total`.
    #[schema(nullable = false)]
    pub measure: Option<String>,
    /// `hour`, `day` or `month`.
    #[schema(nullable = false)]
    pub per: Option<String>,
    /// The figure with the event.
    #[schema(nullable = false)]
    pub figure: Option<Amount>,
    /// The most that the figure may be.
    #[schema(nullable = false)]
    pub max: Option<Amount>,
    /// What of the partner's payments is unlike those of honest tills, such as `round_amounts`.
    #[schema(nullable = false)]
    pub counts: Option<String>,
    /// Payments that show it.
    #[schema(nullable = false)]
    pub count: Option<i64>,
    /// Payments among which they are counted.
    #[schema(nullable = false)]
    pub among: Option<i64>,
    /// Payments of the same time of earlier weeks.
    #[schema(nullable = false)]
    pub usual: Option<i64>,
    /// How far those of single weeks are from that.
    #[schema(nullable = false)]
    pub spread: Option<i64>,
    /// Points redeemed at the partner in the period.
    #[schema(nullable = false)]
    pub redeemed: Option<Amount>,
    /// The first digit that stands too often.
    #[schema(nullable = false)]
    pub digit: Option<i64>,
    /// What was measured; a decimal.
    #[schema(nullable = false)]
    pub measured: Option<String>,
    /// The most that may be measured; a decimal.
    #[schema(nullable = false)]
    pub at_most: Option<String>,
    /// The discount scheme.
    #[schema(nullable = false)]
    pub scheme: Option<String>,
    /// The discount that was given, in CNY.
    #[schema(nullable = false)]
    pub discount: Option<Amount>,
    /// The part of a fee that was waived, in CNY.
    #[schema(nullable = false)]
    pub waived: Option<Amount>,
    #[schema(nullable = false)]
    pub allowed: Option<Amount>,
    #[schema(nullable = false)]
    pub subsidy: Option<Amount>,
    #[schema(nullable = false)]
    pub bank_share: Option<String>,
    #[schema(nullable = false)]
    pub partner_share: Option<String>,
    #[schema(nullable = false)]
    pub by_bank: Option<Amount>,
    #[schema(nullable = false)]
    pub by_partner: Option<Amount>,
    #[schema(nullable = false)]
    pub periods: Option<u32>,
    #[schema(nullable = false)]
    pub value: Option<Amount>,
    /// A decimal.
    #[schema(nullable = false)]
    pub price: Option<String>,
    #[schema(nullable = false)]
    pub fee: Option<Amount>,
    #[schema(nullable = false)]
    pub refunded: Option<Amount>,
    #[schema(nullable = false)]
    pub refunded_before: Option<Amount>,
    #[schema(nullable = false)]
    pub owed: Option<Amount>,
    #[schema(nullable = false)]
    pub left: Option<Amount>,
    #[schema(nullable = false)]
    pub tier: Option<String>,
    /// What customers call the tier.
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[schema(nullable = false)]
    pub name_zh: Option<String>,
    #[schema(nullable = false)]
    pub held_until: Option<Moment>,
    #[schema(nullable = false)]
    pub times_out_at: Option<Moment>,
    #[schema(nullable = false, value_type = Option<String>, format = Date)]
    pub available_from: Option<String>,
    #[schema(nullable = false, value_type = Option<String>, format = Date)]
    pub spend_by: Option<String>,
    /// When on `available_from`.
    #[schema(nullable = false)]
    pub available_at: Option<Moment>,
    /// Lines that a multiplier with categories multiplies.
    #[schema(nullable = false)]
    pub lines_multiplied: Option<Vec<LinesMultiplied>>,
    /// Whether the points had expired when the payment was recorded; absent where they had not.
    #[schema(nullable = false)]
    pub expired: Option<bool>,
    #[schema(nullable = false)]
    pub asset: Option<Asset>,
    #[schema(nullable = false)]
    pub amount: Option<Amount>,
    /// The stage: `qualified`, `converted` or `first_repayment`.
    #[schema(nullable = false)]
    pub on: Option<String>,
    /// `customer` or `partner`.
    #[schema(nullable = false)]
    pub to: Option<String>,
    #[schema(nullable = false)]
    pub transaction: Option<TransactionId>,
    #[schema(nullable = false)]
    pub correction: Option<CorrectionId>,
    /// A member of staff.
    #[schema(nullable = false)]
    pub proposed_by: Option<String>,
    /// A member of staff.
    #[schema(nullable = false)]
    pub approved_by: Option<String>,
}

#[derive(ToSchema)]
pub struct LinesMultiplied {
    /// A decimal, as the rule states it.
    pub by: String,
    /// What was paid for the lines.
    pub paid: Amount,
}

#[derive(ToSchema)]
pub struct ReferralOutcome {
    pub id: ReferralId,
    pub state: String,
    /// Why it is not, or not yet, sent to the bank's customer managers.
    pub reasons: Vec<String>,
    /// Its consent, by which it can be read and withdrawn.
    #[schema(nullable = false)]
    pub consent: Option<ConsentId>,
}

/// One for each event of the batch, in their order.
#[derive(ToSchema)]
pub struct BatchAnswer {
    pub outcomes: Vec<BatchOutcome>,
}

/// `receipt` where it is recorded, `problem` where it is refused.
#[derive(ToSchema)]
pub struct BatchOutcome {
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    #[schema(nullable = false)]
    pub receipt: Option<Receipt>,
    #[schema(nullable = false)]
    pub duplicate_of: Option<EventId>,
    #[schema(nullable = false)]
    pub problem: Option<ProblemBody>,
}

/// One line of a stream. Whatever is no event has a problem as its outcome, and fails no other.
pub struct StreamLine;

impl PartialSchema for StreamLine {
    fn schema() -> RefOr<Schema> {
        Ref::from_schema_name("Event").into()
    }
}

impl ToSchema for StreamLine {}

/// The outcome of a line: `receipt` where it is recorded, `problem` where it is refused.
#[derive(ToSchema)]
pub struct StreamOutcome {
    /// The number of the line, from 1.
    #[schema(minimum = 1)]
    pub line: u64,
    #[schema(minimum = 200, maximum = 599)]
    pub status: u16,
    #[schema(nullable = false)]
    pub receipt: Option<Receipt>,
    #[schema(nullable = false)]
    pub duplicate_of: Option<EventId>,
    #[schema(nullable = false)]
    pub problem: Option<ProblemBody>,
}

/// A payment before it is made: its data without what the answer tells.
pub struct QuoteRequest;

impl PartialSchema for QuoteRequest {
    fn schema() -> RefOr<Schema> {
        let mut schema = strict(Payment::schema());
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required.retain(|name| !["order", "discount", "paid"].contains(&name.as_str()));
        }
        schema
    }
}

impl ToSchema for QuoteRequest {}

/// A CloudEvent of one of the types there are: `type` says which.
pub struct EventBody;

type MakeSchema = fn() -> RefOr<Schema>;

/// The types of event, each with the name of its schema. Generated clients call their types so.
const EVENTS: [(&str, &str, MakeSchema); 7] = [
    (Payment::TYPE, "PaymentDiscounted", || strict(Payment::schema())),
    (Refund::TYPE, "PaymentRefunded", || strict(Refund::schema())),
    (Referral::TYPE, "ReferralCreated", referral_data),
    (Hold::TYPE, "RedemptionHeld", || strict(Hold::schema())),
    (Commit::TYPE, "RedemptionCommitted", || strict(Commit::schema())),
    (Cancel::TYPE, "RedemptionCancelled", || strict(Cancel::schema())),
    (Return::TYPE, "RedemptionReturned", || strict(Return::schema())),
];

fn referral_data() -> RefOr<Schema> {
    let mut referral = strict(Referral::schema());
    if let RefOr::T(Schema::Object(object)) = &mut referral {
        object.properties.insert("contact".to_owned(), strict(Contact::schema()));
        object.required.push("contact".to_owned());
    }
    referral
}

impl PartialSchema for EventBody {
    fn schema() -> RefOr<Schema> {
        let mapping = EVENTS
            .map(|(kind, name, _data)| (kind.to_owned(), format!("#/components/schemas/{name}")));
        let events = EVENTS.iter().fold(OneOfBuilder::new(), |one_of, (_kind, name, _data)| {
            one_of.item(Ref::from_schema_name(*name))
        });
        events.discriminator(Some(Discriminator::with_mapping("type", mapping))).into()
    }
}

impl ToSchema for EventBody {
    fn name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let first = schemas.len();
        for of_part in [Payment::schemas, Refund::schemas, Referral::schemas, Hold::schemas] {
            of_part(schemas);
        }
        // What stands within an event's data is read as strictly as the data itself.
        for (_name, schema) in schemas.iter_mut().skip(first) {
            *schema = strict(schema.clone());
        }
        let events = EVENTS
            .iter()
            .map(|(kind, name, data)| ((*name).to_owned(), RefOr::T(event_of(kind, data()))));
        schemas.extend(events);
    }
}

/// Up to a thousand events. Whatever is none has a problem as its outcome, and fails no other.
pub struct BatchBody;

impl PartialSchema for BatchBody {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(Ref::from_schema_name("Event"))
            .max_items(Some(crate::http::server::paths::BATCH_MAX))
            .into()
    }
}

impl ToSchema for BatchBody {}

fn text(max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(max))
}

/// CloudEvents 1.0, the JSON format; extension attributes are passed over.
fn event_of(kind: &str, data: RefOr<Schema>) -> Schema {
    let time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z0-9]+$"));
    let any = AdditionalProperties::FreeForm(true);
    Schema::from(
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .title(Some(kind))
            .property("specversion", text(8).enum_values(Some(["1.0"])))
            .property("id", EventId::schema())
            .property("source", text(256))
            .property("type", text(64).enum_values(Some([kind])))
            .property("time", text(40).format(Some(time)))
            .property("data", data)
            .required("specversion")
            .required("id")
            .required("source")
            .required("type")
            .required("time")
            .required("data")
            .property_names(Some(name))
            .additional_properties(Some(any)),
    )
}
