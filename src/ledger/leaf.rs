//! A transaction as it is sealed: every field of it, of its entries, of the lots that it opens and of
//! its event, in an encoding that can be read in one way only. docs/proofs.md describes it for others.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{NaiveDateTime, SecondsFormat};

use super::chain::Hash;
use crate::ids::hex;

/// A transaction with all that belongs to it, as the database holds it: unparsed, because what
/// somebody changed behind the program's back need not be what the program would have written.
pub struct Recorded {
    pub id: Vec<u8>,
    pub kind: String,
    pub entry_count: i64,
    pub receipt: String,
    pub effective_at: NaiveDateTime,
    pub recorded_at: NaiveDateTime,
    /// By their numbers.
    pub entries: Vec<RecordedEntry>,
    /// Those that it opens, by their ids.
    pub lots: Vec<RecordedLot>,
    pub event: Option<RecordedEvent>,
}

pub struct RecordedEntry {
    pub seq: i64,
    pub account_id: Vec<u8>,
    pub lot_id: Option<Vec<u8>>,
    pub asset: String,
    pub amount: i64,
    pub rule: String,
    pub effective_at: NaiveDateTime,
    pub recorded_at: NaiveDateTime,
}

/// Without its parts, which change and which `ledger verify` proves from the entries.
pub struct RecordedLot {
    pub id: Vec<u8>,
    pub customer_id: Vec<u8>,
    pub partner_id: String,
    pub rule: String,
    pub issued: i64,
    pub by_partner: i64,
    pub unit_cost: String,
    pub matures_at: Option<NaiveDateTime>,
    pub expires_at: Option<NaiveDateTime>,
    pub effective_at: NaiveDateTime,
    pub recorded_at: NaiveDateTime,
}

pub struct RecordedEvent {
    pub id: Vec<u8>,
    pub partner_id: String,
    pub event_id: String,
    pub kind: String,
    pub fingerprint: Vec<u8>,
    pub body: String,
    pub transaction_id: Vec<u8>,
    pub customer_id: Option<Vec<u8>>,
    pub refers_to: Option<Vec<u8>>,
    pub asset: String,
    pub amount: i64,
    pub effective_at: NaiveDateTime,
    pub recorded_at: NaiveDateTime,
}

/// What a transaction's hash is made of. A partner may see the fields; what would tell it whom the
/// bank knows a member as goes in as one hash, another one for each transaction.
pub struct Leaf {
    fields: Vec<(&'static str, String)>,
    hidden: Context,
}

const DOMAIN: &str = "tallystick transaction v1";
const HIDDEN_DOMAIN: &str = "tallystick hidden v1";

impl Leaf {
    #[must_use]
    pub fn of(recorded: &Recorded) -> Self {
        let mut leaf = Self { fields: Vec::with_capacity(64), hidden: Context::new(&SHA256) };
        update(&mut leaf.hidden, HIDDEN_DOMAIN);
        leaf.add_transaction(recorded);
        for entry in &recorded.entries {
            leaf.add_entry(entry);
        }
        for lot in &recorded.lots {
            leaf.add_lot(lot);
        }
        if let Some(event) = &recorded.event {
            leaf.add_event(event);
        }
        let hidden = leaf.hidden.clone().finish();
        leaf.show("hidden", hex(hidden.as_ref()));
        leaf
    }

    /// Names and values, in the order in which they are hashed.
    #[must_use]
    pub fn fields(&self) -> &[(&'static str, String)] {
        &self.fields
    }

    #[must_use]
    pub fn into_fields(self) -> Vec<(&'static str, String)> {
        self.fields
    }

    /// The leaf hash of RFC 9162, section 2.1.1.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut context = Context::new(&SHA256);
        context.update(&[0]);
        update(&mut context, DOMAIN);
        for (name, value) in &self.fields {
            update(&mut context, name);
            update(&mut context, value);
        }
        Hash::of(context)
    }

    fn add_transaction(&mut self, transaction: &Recorded) {
        self.start("transactions");
        // Shown, and hidden too: it is what makes one transaction's hidden hash unlike another's.
        self.show("id", hex(&transaction.id));
        self.hide("id", hex(&transaction.id));
        self.show("kind", &*transaction.kind);
        self.show("entry_count", transaction.entry_count.to_string());
        self.show("receipt", &*transaction.receipt);
        self.show("effective_at", moment(transaction.effective_at));
        self.show("recorded_at", moment(transaction.recorded_at));
    }

    fn add_entry(&mut self, entry: &RecordedEntry) {
        self.start("entries");
        self.show("seq", entry.seq.to_string());
        self.hide("account_id", hex(&entry.account_id));
        self.hide("lot_id", entry.lot_id.as_deref().map(hex));
        self.show("asset", &*entry.asset);
        self.show("amount", entry.amount.to_string());
        self.show("rule", &*entry.rule);
        self.show("effective_at", moment(entry.effective_at));
        self.show("recorded_at", moment(entry.recorded_at));
    }

    /// Hidden as a whole: what a point costs whom is not all its partner's business.
    fn add_lot(&mut self, lot: &RecordedLot) {
        self.hide("table", "lots");
        self.hide("id", hex(&lot.id));
        self.hide("customer_id", hex(&lot.customer_id));
        self.hide("partner_id", &*lot.partner_id);
        self.hide("rule", &*lot.rule);
        self.hide("issued", lot.issued.to_string());
        self.hide("by_partner", lot.by_partner.to_string());
        self.hide("unit_cost", &*lot.unit_cost);
        self.hide("matures_at", lot.matures_at.map(moment));
        self.hide("expires_at", lot.expires_at.map(moment));
        self.hide("effective_at", moment(lot.effective_at));
        self.hide("recorded_at", moment(lot.recorded_at));
    }

    fn add_event(&mut self, event: &RecordedEvent) {
        self.start("events");
        self.show("id", hex(&event.id));
        self.show("partner_id", &*event.partner_id);
        self.show("event_id", &*event.event_id);
        self.show("type", &*event.kind);
        self.hide("fingerprint", hex(&event.fingerprint));
        self.show("body", &*event.body);
        self.show("transaction_id", hex(&event.transaction_id));
        self.hide("customer_id", event.customer_id.as_deref().map(hex));
        self.show("refers_to", event.refers_to.as_deref().map(hex));
        self.show("asset", &*event.asset);
        self.show("amount", event.amount.to_string());
        self.show("effective_at", moment(event.effective_at));
        self.show("recorded_at", moment(event.recorded_at));
    }

    /// Begins a row of a table, among the hidden fields as well.
    fn start(&mut self, table: &'static str) {
        self.show("table", table);
        self.hide("table", table);
    }

    /// A field that is null is left out, so that a column that comes later, null in all rows before
    /// it, changes none of their hashes.
    fn show(&mut self, name: &'static str, value: impl Value) {
        self.fields.extend(value.text().map(|text| (name, text)));
    }

    fn hide(&mut self, name: &'static str, value: impl Value) {
        if let Some(text) = value.text() {
            update(&mut self.hidden, name);
            update(&mut self.hidden, &text);
        }
    }
}

/// What a field may hold; hashed as text.
trait Value {
    fn text(self) -> Option<String>;
}

impl Value for String {
    fn text(self) -> Option<String> {
        Some(self)
    }
}

impl Value for &str {
    fn text(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Value for Option<String> {
    fn text(self) -> Option<String> {
        self
    }
}

/// Length first, so that text cannot move from one field to the next.
fn update(context: &mut Context, text: &str) {
    context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(text.as_bytes());
}

fn moment(naive: NaiveDateTime) -> String {
    naive.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> Recorded {
        let at = chrono::DateTime::from_timestamp(1_767_225_600, 5_000).unwrap().naive_utc();
        let entry = |seq, amount| RecordedEntry {
            seq,
            account_id: vec![7; 16],
            lot_id: None,
            asset: "PTS".to_owned(),
            amount,
            rule: "earning:base@1".to_owned(),
            effective_at: at,
            recorded_at: at,
        };
        Recorded {
            id: vec![1; 16],
            kind: "payment.discounted".to_owned(),
            entry_count: 2,
            receipt: "{}".to_owned(),
            effective_at: at,
            recorded_at: at,
            entries: vec![entry(0, 5), entry(1, -5)],
            lots: Vec::new(),
            event: None,
        }
    }

    #[test]
    fn each_field_counts_hidden_or_shown() {
        let before = Leaf::of(&recorded()).hash();
        let changes: [fn(&mut Recorded); 6] = [
            |it| it.receipt.push(' '),
            |it| it.entries[0].amount = 6,
            |it| it.entries[1].account_id[0] = 8,
            |it| it.entries.swap(0, 1),
            |it| drop(it.entries.pop()),
            |it| it.entry_count = 3,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = recorded();
            change(&mut changed);
            assert_ne!(Leaf::of(&changed).hash(), before, "{number}");
        }
        assert_eq!(Leaf::of(&recorded()).hash(), before);
    }

    #[test]
    fn what_is_hidden_is_not_shown_and_differs_for_each_transaction() {
        let hidden = |recorded: &Recorded| Leaf::of(recorded).fields().last().cloned().unwrap();
        let mut other = recorded();
        other.id = vec![2; 16];
        assert_ne!(hidden(&recorded()), hidden(&other));
        let shown = format!("{:?}", Leaf::of(&recorded()).fields());
        assert!(!shown.contains(&hex(&[7; 16])), "{shown}");
    }
}
