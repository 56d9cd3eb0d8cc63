//! The status report on an order: ISO 20022, `pain.002`.

use super::message::{
    BankEntry, BankFile, BankFileKind, BankReason, BankSaid, OrderAnswer, OrderNames,
};
use super::xml::{BankFileFault, Element};
use crate::ids::BankEntryId;

type Read<T> = Result<T, BankFileFault>;

/// Reads a report: the status of each payment, else of each group of payments, else of the message.
pub fn read(document: Element<'_>) -> Read<BankFile> {
    let report = document.need("CstmrPmtStsRpt")?;
    let message_id = report.need("GrpHdr")?.need("MsgId")?.text()?;
    let group = report.need("OrgnlGrpInfAndSts")?;
    let order = group.need("OrgnlMsgId")?.text()?;
    let named = group.need("OrgnlMsgNmId")?;
    if !named.text()?.starts_with("pain.001") {
        return Err(named.fault("the report is not about an order to pay: pain.001"));
    }
    let whole = Level { element: group, status: status(group, "GrpSts")?, end_to_end_id: None };
    let mut levels = Vec::new();
    for payments in report.all("OrgnlPmtInfAndSts") {
        let here = status(payments, "PmtInfSts")?.or_else(|| whole.status.clone());
        let before = levels.len();
        for payment in payments.all("TxInfAndSts") {
            levels.push(Level {
                element: payment,
                status: status(payment, "TxSts")?.or_else(|| here.clone()),
                end_to_end_id: payment.text_at(&["OrgnlEndToEndId"])?,
            });
        }
        if levels.len() == before {
            levels.push(Level { element: payments, status: here, end_to_end_id: None });
        }
    }
    if levels.is_empty() {
        levels.push(whole);
    }
    let entries = levels.into_iter().map(|level| level.entry(&order));
    let entries = entries.collect::<Read<Vec<_>>>()?;
    Ok(BankFile { kind: BankFileKind::StatusReport, message_id, account: None, entries })
}

/// A part of the report that has a status.
struct Level<'a> {
    element: Element<'a>,
    status: Option<String>,
    end_to_end_id: Option<String>,
}

impl Level<'_> {
    fn entry(self, message_id: &str) -> Read<BankEntry> {
        let Self { element, status, end_to_end_id } = self;
        let status = status.ok_or_else(|| {
            element.fault(format!("<{}> has no status, and nothing around it", element.name()))
        })?;
        let answer = answer(&status)
            .ok_or_else(|| element.fault(format!("the status {status} is not known")))?;
        let reason = reason(element)?;
        let (end_to_end, code) = (end_to_end_id.as_deref(), reason.code.as_deref());
        let parts = [
            "status",
            message_id,
            end_to_end.unwrap_or_default(),
            &status,
            code.unwrap_or_default(),
        ];
        Ok(BankEntry {
            id: BankEntryId::of_name(&parts),
            offset: element.offset(),
            line: 0,
            order: OrderNames { message_ids: vec![message_id.to_owned()], end_to_end_id },
            reference: None,
            said: BankSaid::Status { answer, status, reason },
        })
    }
}

fn status(element: Element<'_>, name: &str) -> Read<Option<String>> {
    element.text_at(&[name])
}

/// ISO 20022, ExternalPaymentTransactionStatus1Code and those of groups.
fn answer(status: &str) -> Option<OrderAnswer> {
    match status {
        "ACTC" | "ACCP" | "ACSP" | "ACSC" | "ACWC" | "ACWP" | "ACCC" | "ACFC" => {
            Some(OrderAnswer::Accepted)
        }
        "RJCT" | "CANC" => Some(OrderAnswer::Rejected),
        "RCVD" | "PDNG" | "PATC" | "PART" => Some(OrderAnswer::Pending),
        _ => None,
    }
}

/// Codes as the bank gives them, and its words, which are cut at 140 characters.
fn reason(element: Element<'_>) -> Read<BankReason> {
    let Some(said) = element.all("StsRsnInf").next() else { return Ok(BankReason::default()) };
    let code = match said.text_at(&["Rsn", "Cd"])? {
        Some(code) => Some(code),
        None => said.text_at(&["Rsn", "Prtry"])?,
    };
    let mut words = Vec::new();
    for line in said.all("AddtlInf") {
        words.push(line.text()?);
    }
    let text: String = words.join(" ").chars().take(140).collect();
    Ok(BankReason { code, text: (!text.is_empty()).then_some(text) })
}
