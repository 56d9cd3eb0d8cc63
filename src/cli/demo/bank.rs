//! The bank's payment system, played: it reads an order to pay (`pain.001`), and answers with the statement of
//! the day on which the order was booked (`camt.053`).

use roxmltree::{Document, Node};

use crate::cli::Failure;

/// What an order says, as far as its booking needs it.
struct Order<'a> {
    end_to_end_id: &'a str,
    amount: &'a str,
    payer: &'a str,
    payee: &'a str,
    day: &'a str,
}

/// The statement of the day on which the order was paid.
///
/// # Errors
/// When the order lacks something.
pub fn statement(order: &str) -> Result<String, Failure> {
    let document = Document::parse(order)?;
    let Order { end_to_end_id, amount, payer, payee, day } = Order::read(&document)?;
    let account = |number: &str| format!("<Id><Othr><Id>{number}</Id></Othr></Id>");
    let balance = |code: &str, amount: &str, sign: &str| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{amount}</Amt>\
             <CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )
    };
    let (opening, closing) = (balance("OPBD", "0.00", "CRDT"), balance("CLBD", amount, "DBIT"));
    let (payer, payee) = (account(payer), account(payee));
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n\
         <GrpHdr><MsgId>DAY-{day}</MsgId><CreDtTm>{day}T15:00:00Z</CreDtTm></GrpHdr>\n\
         <Stmt><Id>DAY-{day}</Id><Acct>{payer}</Acct>\n{opening}{closing}\n\
         <Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
         <BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{day}-1</AcctSvcrRef>\n<BkTxCd><Domn><Cd>PMNT</Cd>\
         <Fmly><Cd>ICDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
         <NtryDtls><TxDtls><Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs>\n<RltdPties><CdtrAcct>{payee}\
         </CdtrAcct></RltdPties></TxDtls></NtryDtls></Ntry>\n</Stmt></BkToCstmrStmt></Document>\n"
    ))
}

impl<'a> Order<'a> {
    fn read(document: &'a Document<'_>) -> Result<Self, Failure> {
        let find = |name: &str| document.descendants().find(|node| is(*node, name));
        let text = |node: Option<Node<'a, '_>>, name: &str| {
            node.and_then(|node| node.text()).ok_or(format!("the order to pay has no {name}"))
        };
        let number = |name: &str| {
            let account =
                find(name).and_then(|account| account.descendants().rfind(|node| is(*node, "Id")));
            text(account, name)
        };
        let day = find("ReqdExctnDt").and_then(|day| day.first_element_child());
        Ok(Self {
            end_to_end_id: text(find("EndToEndId"), "EndToEndId")?,
            amount: text(find("InstdAmt"), "InstdAmt")?,
            payer: number("DbtrAcct")?,
            payee: number("CdtrAcct")?,
            day: text(day, "ReqdExctnDt")?,
        })
    }
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == name
}
