//! What a message of the database says, in whichever language. Connections ask for English
//! (`lc_messages`), but PostgreSQL lets only a superuser choose it, so a server that speaks Chinese
//! is answered in Chinese. The texts are those of PostgreSQL's own message catalogues.

/// What stands behind an error that diesel does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A lock: deadlock, time-out, or SQLite's one writer.
    Busy,
    /// The connection or its server goes away, or takes no changes any more.
    Lost,
    /// No room on the disk or in memory.
    Full,
    /// A number beyond 64 bits.
    OutOfRange,
    /// What is recorded would fall before a cut.
    Cut,
    /// The statement itself.
    Statement,
}

/// Finds the cause of an error by its message.
///
/// A message with letters beyond ASCII that is not in the list comes from a server in yet another
/// language; our own triggers speak English. It counts as busy: the transaction is tried again a
/// few times and then answered as a passing failure, never as a fault of the event.
#[must_use]
pub fn cause(message: &str) -> Cause {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(FULL) {
        Cause::Full
    } else if says(BUSY) {
        Cause::Busy
    } else if says(LOST) {
        Cause::Lost
    } else if says(OUT_OF_RANGE) {
        Cause::OutOfRange
    } else if says(CUT) {
        Cause::Cut
    } else if message.is_ascii() {
        Cause::Statement
    } else {
        Cause::Busy
    }
}

/// By the trigger on transactions.
const CUT: &[&str] = &["a closed month takes no more transactions"];

/// Deadlock detected (40P01), lock time-out (55P03), statement time-out (57014).
const BUSY: &[&str] = &[
    "database is locked",
    "database table is locked",
    "deadlock detected",
    "lock timeout",
    "statement timeout",
    "could not obtain lock",
    // German
    "Verklemmung (Deadlock) entdeckt",
    "wegen Zeitüberschreitung",
    // Spanish
    "se ha detectado un deadlock",
    "debido a que se agotó el tiempo de espera",
    // French
    "interblocage (deadlock) détecté",
    "à cause du délai écoulé",
    // Italian
    "rilevato deadlock",
    "annullamento dell'istruzione a causa di timeout",
    // Japanese
    "デッドロックを検出しました",
    "のタイムアウトのためステートメントをキャンセルしています",
    // Georgian
    "ნაპოვნია ურთიერთბლოკირება",
    "გამოსახულება გაუქმდება ბლოკის მოლოდინის ვადის ამოწურვის გამო",
    // Korean
    "deadlock 발생했음",
    "시간 초과로 작업을 취소합니다",
    // Russian
    "обнаружена взаимоблокировка",
    "выполнение оператора отменено из-за тайм-аута",
    // Swedish
    "deadlock upptäckt",
    "avbryter sats på grund av",
    // Ukrainian
    "виявлено взаємне блокування",
    "виконання оператора скасовано через тайм-аут",
    // Chinese
    "检测到死锁",
    "由于锁超时",
    "由于语句执行超时",
];

/// Shutdown by an administrator (57P01), starting up or shutting down (57P03), too many connections
/// (53300), changes in recovery (25006); and what libpq itself says.
const LOST: &[&str] = &[
    "connection",
    "could not send data",
    "could not receive data",
    "the database system is",
    "too many clients",
    "read-only transaction",
    "during recovery",
    "attempt to write a readonly database",
    "unable to open database file",
    // German
    "Verbindung wird abgebrochen",
    "das Datenbanksystem",
    "schon zu viele Verbindungen",
    "Read-Only-Transaktion",
    // Spanish
    "terminando la conexión",
    "el sistema de base de datos está",
    "ya tenemos demasiados clientes",
    "transacción de sólo lectura",
    // French
    "arrêt des connexions",
    "le système de bases de données",
    "le système de base de données",
    "trop de clients sont déjà connectés",
    "transaction en lecture seule",
    // Italian
    "interruzione della connessione",
    "il database si sta",
    "il database è in modalità di ripristino",
    "troppi client già connessi",
    "transazione a sola lettura",
    // Japanese
    "接続を終了しています",
    "データベースシステムは",
    "クライアント数が多すぎます",
    "リードオンリーのトランザクション",
    // Georgian
    "მიერთების შეწყვეტა",
    "მონაცემთა ბაზის სისტემ",
    "უკვე მეტისმეტად ბევრი კლიენტია",
    // Korean
    "연결을 끝냅니다",
    "데이터베이스 시스템",
    "최대 동시 접속자 수를 초과했습니다",
    "읽기 전용 트랜잭션",
    // Russian
    "закрытие подключения",
    "система баз данных",
    "уже слишком много клиентов",
    "в транзакции в режиме \"только чтение\"",
    // Swedish
    "avslutar anslutning",
    "databassystemet",
    "för många klienter",
    "read-only-transaktion",
    // Ukrainian
    "завершення підключення",
    "система бази даних",
    "вже забагато клієнтів",
    "в транзакції \"лише для читання\"",
    // Chinese
    "由于管理员命令中断联接",
    "数据库系统",
    "已经有太多的客户",
    "只读模式的事务",
];

/// Disk full (53100), out of memory (53200).
const FULL: &[&str] = &[
    "database or disk is full",
    "disk I/O error",
    "No space left on device",
    "Disk quota exceeded",
    "could not extend file",
    "could not write to file",
    "out of memory",
    "out of shared memory",
    // German
    "nicht erweitern",
    "konnte nicht in Datei",
    "Speicher aufgebraucht",
    // Spanish
    "no se pudo extender el archivo",
    "no se pudo escribir a archivo",
    "memoria agotada",
    // French
    "n'a pas pu étendre le fichier",
    "n'a pas pu écrire dans le fichier",
    "mémoire épuisée",
    // Italian
    "non è stato possibile estendere il file",
    "scrittura nel file",
    "memoria esaurita",
    // Japanese
    "を拡張できませんでした",
    "を書き出せませんでした",
    "メモリ不足です",
    // Georgian
    "ფაილის გაფართოების შეცდომა",
    "ჩაწერის შეცდომა",
    "არასაკმარისი მეხსიერება",
    // Korean
    "파일을 확장할 수 없음",
    "파일 쓰기 실패",
    "메모리 부족",
    // Russian
    "не удалось увеличить файл",
    "не удалось записать в файл",
    "нехватка памяти",
    // Swedish
    "kunde inte utöka fil",
    "kunde inte skriva till fil",
    "slut på minne",
    // Ukrainian
    "не вдалося розширити файл",
    "неможливо записати до файлу",
    "недостатньо пам'яті",
    // Chinese
    "无法扩展文件",
    "无法写入文件",
    "内存用尽",
];

/// A number beyond its type (22003).
const OUT_OF_RANGE: &[&str] = &[
    "out of range",
    "cannot store REAL value",
    "integer overflow",
    "bigint ist außerhalb des gültigen Bereichs",
    "bigint fuera de rango",
    "bigint en dehors des limites",
    "bigint fuori dall'intervallo consentito",
    "bigintの範囲外です",
    "bigint დიაპაზონს გარეთაა",
    "bigint의 범위를 벗어났습니다",
    "bigint вне диапазона",
    "bigint utanför sitt intervall",
    "bigint поза діапазоном",
    "bigint 超出范围",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_found_in_every_language_of_the_server() {
        for (message, expected) in [
            ("canceling statement due to lock timeout", Cause::Busy),
            ("由于锁超时，取消语句操作", Cause::Busy),
            ("检测到死锁", Cause::Busy),
            ("storniere Anfrage wegen Zeitüberschreitung einer Sperre", Cause::Busy),
            ("terminating connection due to administrator command", Cause::Lost),
            ("由于管理员命令中断联接", Cause::Lost),
            ("不能在一个只读模式的事务中执行INSERT", Cause::Lost),
            ("could not extend file \"base/5/1\": No space left on device", Cause::Full),
            ("无法扩展文件 \"base/5/1\": 设备上没有空间", Cause::Full),
            ("database or disk is full", Cause::Full),
            ("bigint out of range", Cause::OutOfRange),
            ("bigint 超出范围", Cause::OutOfRange),
            ("bigintの範囲外です", Cause::OutOfRange),
            ("entries is append-only: reverse, do not change", Cause::Statement),
            ("permission denied for table events", Cause::Statement),
            ("zablokování nalezeno", Cause::Busy),
        ] {
            assert_eq!(cause(message), expected, "{message}");
        }
    }
}
