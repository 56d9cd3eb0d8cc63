use chrono::NaiveDate;

use super::code::BankBreakCode;
use super::judge::{EntryVerdict, OrderedPayout, judge};
use super::message::{
    BankEntry, BankFile, BankFileKind, BankReason, BankSaid, BankValue, Booking, BookingDirection,
    OrderAnswer,
};
use super::state::PayoutState;
use super::{BankFileFault, read};
use crate::money::{Amount, Asset};

const SPACE: &str = "urn:iso:std:iso:20022:tech:xsd";

fn entry(reference: &str, amount: &str, end_to_end_id: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
         <BookgDt><Dt>2026-11-03</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>\
         <BkTxCd/><NtryDtls><TxDtls><Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs>\
         </TxDtls></NtryDtls></Ntry>"
    )
}

fn balance(code: &str, amount: &str) -> String {
    format!(
        "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{amount}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-03</Dt></Dt></Bal>"
    )
}

fn statement(id: &str, account: &str, inside: &str) -> String {
    format!(
        "\n<Stmt><Id>{id}</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id></Acct>{inside}</Stmt>"
    )
}

fn file(statements: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"{SPACE}:camt.053.001.08\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>B-1</MsgId></GrpHdr>{statements}</BkToCstmrStmt></Document>"
    )
}

fn taken(text: &str) -> BankFile {
    read(text.as_bytes()).unwrap()
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let fault = read(text.as_bytes()).unwrap_err().to_string();
    assert!(fault.contains(words), "{fault}");
}

#[test]
fn a_statement_is_read() {
    let inside = format!(
        "{}{}{}",
        balance("OPBD", "100.00"),
        balance("CLBD", "82.00"),
        entry("R-1", "18.00", "green-basket-2026-10-1")
    );
    let read = taken(&file(&statement("S-1", "1001", &inside)));
    assert_eq!(read.kind, BankFileKind::Statement);
    assert_eq!((read.message_id.as_str(), read.account.as_deref()), ("B-1", Some("1001")));
    let [one] = read.entries.as_slice() else { panic!("{read:?}") };
    assert_eq!((one.line, one.reference.as_deref()), (3, Some("R-1")));
    assert_eq!(one.order.end_to_end_id.as_deref(), Some("green-basket-2026-10-1"));
    let expected = Booking {
        direction: BookingDirection::Debit,
        value: BankValue { currency: "CNY".to_owned(), minor: 1_800 },
        counter_account: None,
        booked_on: NaiveDate::from_ymd_opt(2026, 11, 3),
        is_reversal: false,
        reason: BankReason::default(),
    };
    assert_eq!(one.said, BankSaid::Booked(expected));
    // A statement without entries is one, too.
    assert!(taken(&file(&statement("S-1", "1001", ""))).entries.is_empty());
}

#[test]
fn what_other_makers_write_is_read() {
    // A statement of an older version says the status without an element of its own.
    let old = file(&statement("S-1", "1001", &entry("R-1", "18.00", "e-1")))
        .replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>")
        .replace("camt.053.001.08", "camt.053.001.02");
    assert_eq!(taken(&old).entries.len(), 1);
    let prefixed = old.replace("xmlns=", "xmlns:n=").replace("</", "</n:");
    let prefixed = prefixed.replace('<', "<n:").replace("<n:?", "<?").replace("<n:/n:", "</n:");
    // Prefixes take room, and change nothing else.
    let same = |text: &str| {
        let entries = taken(text).entries;
        entries.into_iter().map(|it| BankEntry { offset: 0, ..it }).collect::<Vec<_>>()
    };
    assert_eq!(same(&prefixed), same(&old));
    let marked = ["\u{feff}", &old].concat();
    assert_eq!(taken(&marked).entries, taken(&old).entries);
    // The same entry in a notification has the same name.
    let told = old
        .replace("camt.053.001.02", "camt.054.001.08")
        .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
        .replace("Stmt>", "Ntfctn>");
    let ids = |text: &str| taken(text).entries.iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(&told), ids(&old));
    // What is pending is not booked.
    assert!(taken(&old.replace("BOOK", "PDNG")).entries.is_empty());
}

#[test]
fn an_entry_is_what_its_payments_come_to() {
    let whole = |entry: &str| file(&statement("S-1", "1001", entry));
    let plain = entry("R-1", "18.00", "e-1");
    let with = |inside: &str| whole(&plain.replace("</TxDtls>", &format!("{inside}</TxDtls>")));
    // One payment of another amount, or of the other direction.
    refused(&with("<Amt Ccy=\"CNY\">1.80</Amt>"), "do not come to its amount");
    refused(&with("<CdtDbtInd>CRDT</CdtDbtInd>"), "goes the other way");
    let value = |text: &str| match &taken(text).entries[0].said {
        BankSaid::Booked(booking) => (booking.value.to_string(), booking.is_reversal),
        BankSaid::Status { .. } => panic!("no booking"),
    };
    // Ordered in another currency: what was booked counts.
    let foreign = "<AmtDtls><TxAmt><Amt Ccy=\"USD\">18.00</Amt></TxAmt></AmtDtls>";
    assert_eq!(value(&with(foreign)), ("18.00 CNY".to_owned(), false));
    let taken_back = plain.replace("<Sts>", "<RvslInd>true</RvslInd><Sts>");
    assert_eq!(value(&whole(&taken_back)), ("18.00 CNY".to_owned(), true));
    // Its payment may have a name of its own: the entry's is the one that all files have.
    let ids = |text: &str| taken(text).entries.iter().map(|it| it.id).collect::<Vec<_>>();
    let own = plain.replace("<Refs>", "<Refs><AcctSvcrRef>T-1</AcctSvcrRef>");
    assert_eq!(ids(&whole(&own)), ids(&whole(&plain)));
}

#[test]
fn each_batch_names_its_own_order() {
    let part = |order: &str| {
        format!(
            "<NtryDtls><Btch><MsgId>{order}</MsgId><NbOfTxs>1</NbOfTxs></Btch><TxDtls>\
             <Amt Ccy=\"CNY\">9.00</Amt></TxDtls></NtryDtls>"
        )
    };
    let whole = entry("R-1", "18.00", "x");
    let (before, _) = whole.split_once("<NtryDtls>").unwrap();
    let inside = format!("{before}{}{}</Ntry>", part("TS1"), part("TS2"));
    let read = taken(&file(&statement("S-1", "1001", &inside)));
    let names: Vec<&[String]> =
        read.entries.iter().map(|it| it.order.message_ids.as_slice()).collect();
    assert_eq!(names, [["TS1".to_owned()], ["TS2".to_owned()]]);
    refused(
        &file(&statement("S-1", "1001", &inside.replace("<NbOfTxs>1", "<NbOfTxs>2"))),
        "and has 1",
    );
    // Without their payments nobody can say which order was paid.
    let bare = inside.replace("<TxDtls><Amt Ccy=\"CNY\">9.00</Amt></TxDtls>", "");
    let read = taken(&file(&statement("S-1", "1001", &bare)));
    assert_eq!((read.entries.len(), read.entries[0].order.message_ids.len()), (1, 0));
}

#[test]
fn an_element_has_few_attributes() {
    use std::fmt::Write;
    let mut many = String::new();
    (0..300).for_each(|number| write!(many, " a{number}=\"\"").unwrap());
    let crowded = file(&statement("S-1", "1001", "")).replace("<Stmt>", &format!("<Stmt{many}>"));
    refused(&crowded, "line 3: more than 256 signs");
}

#[test]
fn payments_that_were_booked_together_are_several() {
    let one = |id: &str, amount: &str| {
        format!(
            "<TxDtls><Refs><EndToEndId>{id}</EndToEndId></Refs><Amt Ccy=\"CNY\">{amount}</Amt></TxDtls>"
        )
    };
    let batch = |count: &str, amount: &str| {
        let several = [one("e-1", "10.00"), one("e-2", amount)].concat();
        let whole = entry("R-1", "18.00", "x");
        let (before, _) = whole.split_once("<NtryDtls>").unwrap();
        let inside = format!(
            "{before}<NtryDtls><Btch><NbOfTxs>{count}</NbOfTxs></Btch>{several}</NtryDtls></Ntry>"
        );
        file(&statement("S-1", "1001", &inside))
    };
    let both = taken(&batch("2", "8.00"));
    assert_eq!(both.entries.len(), 2);
    assert_ne!(both.entries[0].id, both.entries[1].id);
    refused(&batch("3", "8.00"), "line 3: the batch says 3 payments, and has 2");
    refused(&batch("2", "8.01"), "line 3: the payments of the entry do not come to its amount");
}

#[test]
fn a_bad_file_is_refused_by_its_line() {
    let good = entry("R-1", "18.00", "e-1");
    let whole = file(&statement("S-1", "1001", &good));
    let doctype = whole.replace("\n<Document", "\n<!DOCTYPE d [<!ENTITY a \"b\">]><Document");
    assert_eq!(read(doctype.as_bytes()), Err(BankFileFault::Doctype));
    refused(&whole.replace("e-1", "&bomb;"), "bomb");
    refused(whole.get(..whole.len() / 2).unwrap(), "no XML");
    refused(&whole.replace("camt.053.001.08", "camt.052.001.08"), "line 2: expected a message");
    refused(&whole.replace(SPACE, "urn:other"), "found the namespace");
    refused(&whole.replace("18.00", "18.001"), "no amount with at most two decimals: 18.001");
    refused(&whole.replace("18.00", "-18.00"), "no amount");
    refused(&whole.replace("DBIT", "DEBIT"), "line 3: expected DBIT or CRDT, found DEBIT");
    refused(&whole.replace("<Id>S-1</Id>", ""), "line 3: <Stmt> has no <Id>");
    refused(&whole.replace("<Id>S-1</Id>", "<Id>S-1</Id><Id>S-2</Id>"), "<Id> stands twice");
    let two = |id: &str, account: &str| {
        file(&[statement("S-1", "1001", &good), statement(id, account, "")].concat())
    };
    refused(&two("S-1", "1001"), "line 4: the statement S-1 stands twice in the file");
    refused(&two("S-2", "1002"), "line 4: the file is about two accounts: …1001 and …1002");
    assert_eq!(taken(&two("S-2", "1001")).entries.len(), 1);
    refused(
        &file(&statement("S-1", "1001", &[good.clone(), good.clone()].concat())),
        "this entry stands in line 3 already",
    );
    let wrong = [balance("OPBD", "100.00"), balance("CLBD", "82.01"), good.clone()].concat();
    refused(&file(&statement("S-1", "1001", &wrong)), "do not come to the balance after");
    for (summary, words) in [
        ("<TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries>", "another number than 1"),
        ("<TtlDbtNtries><Sum>18.01</Sum></TtlDbtNtries>", "<TtlDbtNtries> says another sum"),
    ] {
        let inside = format!("<TxsSummry>{summary}</TxsSummry>{good}");
        refused(&file(&statement("S-1", "1001", &inside)), words);
    }
    refused("", "no XML");
    assert_eq!(read(&[0xff, 0xfe, 0x3c]), Err(BankFileFault::NotUtf8));
    let deep = ["<a>".repeat(200_000), "</a>".repeat(200_000)].concat();
    refused(&deep, "expected <Document>");
    let wide = format!("<Document>{}</Document>", "<a/>".repeat(1_000_001));
    refused(&wide, "no XML");
    assert_eq!(
        read(&vec![b' '; 16 * 1024 * 1024 + 1]),
        Err(BankFileFault::Large(16 * 1024 * 1024))
    );
}

#[test]
fn entries_without_a_reference_that_look_the_same_are_two() {
    let one = entry("", "18.00", "e-1").replace("<AcctSvcrRef></AcctSvcrRef>", "");
    let both = taken(&file(&statement("S-1", "1001", &[one.clone(), one].concat())));
    assert_eq!(both.entries.len(), 2);
    assert_ne!(both.entries[0].id, both.entries[1].id);
}

fn report(inside: &str) -> String {
    format!(
        "<Document xmlns=\"{SPACE}:pain.002.001.10\"><CstmrPmtStsRpt><GrpHdr><MsgId>B-2</MsgId>\
         </GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>TS1</OrgnlMsgId>\
         <OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{inside}</CstmrPmtStsRpt></Document>"
    )
}

#[test]
fn a_report_is_read_at_its_most_exact_level() {
    let of = |text: &str| {
        let [one] = <[_; 1]>::try_from(taken(text).entries).unwrap();
        let BankSaid::Status { answer, status, reason } = one.said else { panic!("{text}") };
        (answer, status, reason)
    };
    let whole = report("<GrpSts>ACTC</GrpSts></OrgnlGrpInfAndSts>");
    assert_eq!(of(&whole).0, OrderAnswer::Accepted);
    let exact = report(
        "<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>TS1</OrgnlPmtInfId>\
         <TxInfAndSts><OrgnlEndToEndId>e-1</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd>\
         </Rsn><AddtlInf>账户已销户</AddtlInf></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts>",
    );
    let (code, text) = (Some("AC04".to_owned()), Some("账户已销户".to_owned()));
    let reason = BankReason { code, text };
    assert_eq!(of(&exact), (OrderAnswer::Rejected, "RJCT".to_owned(), reason));
    refused(&whole.replace("ACTC", "WHAT"), "the status WHAT is not known");
    refused(&whole.replace("<GrpSts>ACTC</GrpSts>", ""), "has no status");
    refused(&whole.replace("pain.001.001.09", "pain.008.001.02"), "not about an order to pay");
}

fn booked(direction: BookingDirection, minor: i64, account: &str) -> BankSaid {
    BankSaid::Booked(Booking {
        direction,
        value: BankValue { currency: "CNY".to_owned(), minor },
        counter_account: (!account.is_empty()).then(|| account.to_owned()),
        booked_on: None,
        is_reversal: false,
        reason: BankReason::default(),
    })
}

#[test]
fn money_that_comes_back_is_looked_at_after_two_payments_and_from_strangers() {
    let paid = OrderedPayout {
        amount: Amount::from_minor(1_800, Asset::CNY),
        payee_account: "6222",
        state: PayoutState::Paid,
        is_paid_twice: false,
        is_settled: false,
    };
    let back = |account| booked(BookingDirection::Credit, 1_800, account);
    assert_eq!(judge(Some(&paid), &back("6222")), EntryVerdict::Moves(PayoutState::Returned));
    let stranger = judge(Some(&paid), &back("9999"));
    assert_eq!(stranger, EntryVerdict::Breaks(BankBreakCode::AccountDiff));
    let twice = OrderedPayout { is_paid_twice: true, ..paid };
    let verdict = judge(Some(&twice), &back("6222"));
    assert_eq!(verdict, EntryVerdict::Breaks(BankBreakCode::Contradicts));
}

#[test]
fn what_an_entry_comes_to_follows_from_where_the_payout_stands() {
    use EntryVerdict::{Breaks, Known, Moves};
    use PayoutState::{Accepted, Ordered, Paid, Rejected, Returned};
    let payout = |state| OrderedPayout {
        amount: Amount::from_minor(1_800, Asset::CNY),
        payee_account: "6222",
        state,
        is_paid_twice: false,
        is_settled: false,
    };
    let status =
        |answer| BankSaid::Status { answer, status: String::new(), reason: BankReason::default() };
    let debit = booked(BookingDirection::Debit, 1_800, "6222");
    let credit = booked(BookingDirection::Credit, 1_800, "");
    let (yes, no) = (status(OrderAnswer::Accepted), status(OrderAnswer::Rejected));
    assert_eq!(judge(None, &debit), Breaks(BankBreakCode::NotOrdered));
    let expected = [
        (
            Ordered,
            [Moves(Accepted), Moves(Rejected), Moves(Paid), Breaks(BankBreakCode::ReturnedEarly)],
        ),
        (Accepted, [Known, Moves(Rejected), Moves(Paid), Breaks(BankBreakCode::ReturnedEarly)]),
        (
            Rejected,
            [
                Breaks(BankBreakCode::Contradicts),
                Known,
                Breaks(BankBreakCode::Contradicts),
                Breaks(BankBreakCode::Contradicts),
            ],
        ),
        (
            Paid,
            [
                Known,
                Breaks(BankBreakCode::Contradicts),
                Breaks(BankBreakCode::PaidTwice),
                Moves(Returned),
            ],
        ),
        (
            Returned,
            [
                Known,
                Breaks(BankBreakCode::Contradicts),
                Breaks(BankBreakCode::Contradicts),
                Breaks(BankBreakCode::Contradicts),
            ],
        ),
    ];
    for (state, verdicts) in expected {
        let payout = payout(state);
        let found = [&yes, &no, &debit, &credit].map(|said| judge(Some(&payout), said));
        assert_eq!(found, verdicts, "{state:?}");
        let pending = status(OrderAnswer::Pending);
        assert_eq!(judge(Some(&payout), &pending), Known);
    }
    let ordered = payout(Ordered);
    let less = booked(BookingDirection::Debit, 1_799, "6222");
    assert_eq!(judge(Some(&ordered), &less), Breaks(BankBreakCode::AmountDiff));
    let elsewhere = booked(BookingDirection::Debit, 1_800, "6223");
    assert_eq!(judge(Some(&ordered), &elsewhere), Breaks(BankBreakCode::AccountDiff));
    let part = booked(BookingDirection::Credit, 1_000, "");
    assert_eq!(judge(Some(&payout(Paid)), &part), Breaks(BankBreakCode::AmountDiff));
}

#[test]
fn an_order_that_the_bank_has_carried_out_is_not_rejected_by_a_later_word() {
    let carried_out = OrderedPayout {
        amount: Amount::from_minor(1_800, Asset::CNY),
        payee_account: "6222",
        state: PayoutState::Accepted,
        is_paid_twice: false,
        is_settled: true,
    };
    let status =
        |answer| BankSaid::Status { answer, status: String::new(), reason: BankReason::default() };
    let rejected = status(OrderAnswer::Rejected);
    let told = judge(Some(&carried_out), &rejected);
    assert_eq!(told, EntryVerdict::Breaks(BankBreakCode::Contradicts));
    let taken = OrderedPayout { is_settled: false, ..carried_out };
    assert_eq!(judge(Some(&taken), &rejected), EntryVerdict::Moves(PayoutState::Rejected));
}

#[test]
fn a_file_in_gb18030_is_read_where_it_says_so() {
    let text = |encoding: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n<Document>\u{94f6}\u{884c}</Document>"
        )
    };
    for encoding in ["GB18030", "gbk", "GB2312"] {
        let whole = text(encoding);
        let bytes = encoding_rs::GB18030.encode(&whole).0;
        assert_eq!(super::xml::text(&bytes).unwrap(), text(encoding));
        // What is no such character is refused, and not guessed.
        let cut = [&bytes[..bytes.len() - 12], &[0xff, 0xff]].concat();
        assert_eq!(super::xml::text(&cut), Err(BankFileFault::NotUtf8));
    }
    let whole = text("UTF-8");
    let bytes = encoding_rs::GB18030.encode(&whole).0;
    assert_eq!(super::xml::text(&bytes), Err(BankFileFault::NotUtf8));
}
