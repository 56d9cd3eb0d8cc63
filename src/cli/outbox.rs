//! `tallystick outbox`: messages that wait for delivery, and dead letters.

use super::Failure;
use crate::clock;
use crate::ids::MessageId;
use crate::settings::Settings;
use crate::store::outbox::dead::{self, Message};
use crate::store::{self, Db, outbox};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show how far each destination is behind, and every dead letter with its reason.
    List,
    /// Show one message with its delivery log.
    Show(Which),
    /// Queue dead letters again.
    Replay(ReplayArgs),
}

#[derive(Debug, clap::Args)]
pub struct Which {
    message: MessageId,
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// The messages to replay.
    #[arg(required_unless_present = "all")]
    messages: Vec<MessageId>,
    /// Replay every dead letter.
    #[arg(long, conflicts_with = "messages")]
    all: bool,
}

/// Rows read at once.
const PAGE: i64 = 500;

/// # Errors
/// When the database cannot be read, or there is no such message.
pub fn run(command: &Command, settings: &Settings) -> Result<bool, Failure> {
    let mut db = store::open(&settings.database_url)?;
    match command {
        Command::List => list(&mut db),
        Command::Show(which) => show(&mut db, which.message),
        Command::Replay(args) => replay(&mut db, args),
    }
}

fn list(db: &mut Db) -> Result<bool, Failure> {
    for lag in outbox::lag(db)? {
        let oldest = lag.oldest.map_or_else(String::new, |at| format!(", the oldest since {at}"));
        println!("{}: {} waiting{oldest}, {} dead", lag.destination, lag.waiting, lag.dead);
    }
    for message in dead_letters(db)? {
        print_line(&message);
    }
    Ok(true)
}

fn show(db: &mut Db, id: MessageId) -> Result<bool, Failure> {
    let message = dead::get(db, id)?.ok_or("there is no such message")?;
    print_line(&message);
    for attempt in dead::attempts(db, id)? {
        let status = attempt.status.map_or_else(String::new, |status| format!(" · {status}"));
        let class = attempt.class.map_or_else(String::new, |class| format!(" · {class}"));
        println!(
            "    #{} {} to {}: {}{status}{class}",
            attempt.number, attempt.started_at, attempt.ended_at, attempt.outcome
        );
    }
    Ok(true)
}

fn replay(db: &mut Db, args: &ReplayArgs) -> Result<bool, Failure> {
    let ids = if args.all {
        dead_letters(db)?.into_iter().map(|message| message.id).collect()
    } else {
        args.messages.clone()
    };
    let mut all = true;
    for id in ids {
        let done = db.write(|tx| dead::replay(tx, id, clock::now()))?;
        println!("{id}: {}", if done { "in line again" } else { "not a dead letter" });
        all &= done;
    }
    Ok(all)
}

fn dead_letters(db: &mut Db) -> Result<Vec<Message>, Failure> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = dead::page(db, None, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.position;
        all.extend(page);
    }
}

fn print_line(message: &Message) {
    let error = message.last_error.as_deref().unwrap_or("-");
    println!(
        "{}  {} to {} about {} #{} · {} after {} attempts · {error}",
        message.id,
        message.kind,
        message.destination,
        message.subject,
        message.revision,
        message.state.name(),
        message.attempts,
    );
}
