//! Finding an event or a referral, and its story on one page. What is asked stands in no address.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

use super::break_list::Choice;
use super::break_page::FormError;
use super::journal::sum_of;
use super::page::{self, Frame, Part, partner_name};
use super::story_links::{may_read_referrals, path};
use super::story_page::{StepView, steps};
use super::story_words::{StoryWords, kind_name};
use super::visit::{Sent, Visit};
use crate::clock;
use crate::event::is_e164;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::ids::{EventKey, MemberRef, PartnerId, ReferralId};
use crate::story::{self, Found, PersonAsked, Story, StoryId};
use crate::text::misleads;

const PURPOSE_CHARACTERS_MAX: usize = 200;
/// Longer than any id or order number.
const ASKED_CHARACTERS_MAX: usize = 256;

#[derive(Template)]
#[template(path = "find.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    s: &'static StoryWords,
    /// What was found; nothing before somebody asked.
    found: Option<Vec<FoundRow>>,
    form: FindForm,
    partners: Vec<Choice>,
    may_ask_persons: bool,
    errors: Vec<FormError>,
}

#[derive(Template)]
#[template(path = "story.html", config = "src/http/askama.toml")]
struct StoryPage {
    frame: Frame,
    s: &'static StoryWords,
    kind: String,
    name: String,
    order: String,
    partner: String,
    amount: String,
    happened_at: String,
    referral: String,
    steps: Vec<StepView>,
}

struct FoundRow {
    href: String,
    name: String,
    kind: String,
    partner: String,
    amount: String,
    at: String,
}

/// What somebody asks; of the two forms of the page one is sent.
#[derive(Default, Deserialize)]
pub struct FindForm {
    #[serde(default)]
    asked: String,
    #[serde(default)]
    partner: String,
    #[serde(default)]
    member: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    purpose: String,
    /// `person` for the form about a person.
    #[serde(default)]
    about: String,
}

/// `GET /console/find`.
pub async fn get_find(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    show(&visit, &gateway, &request, Answer::default()).await
}

/// `POST /console/find`. One thing that fits is opened at once.
pub async fn post_find(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<FindForm>,
) -> Result<HttpResponse, Problem> {
    let Sent { visit, form } = sent;
    let s = StoryWords::of(crate::http::pages::words::Language::of(&request));
    let found = match read(&form, &visit, s)? {
        Question::Wrong(errors) => {
            let answer = Answer { found: None, form, errors };
            return show(&visit, &gateway, &request, answer).await;
        }
        Question::Number(asked) => {
            let partners: Vec<PartnerId> =
                gateway.registry.now().iter().map(|it| it.id.clone()).collect();
            gateway.main.ask(move |db| story::find(db, &asked, &partners)).await?
        }
        Question::Person(asked, purpose) => {
            let (keys, who) = (gateway.keys.personal.clone(), visit.id().clone());
            let reading = story::PersonReading { who, purpose, at: clock::now() };
            let find = move |db: &mut _| story::find_person(&reading, db, &asked, &keys);
            gateway.main.ask(find).await?
        }
    };
    let may_read_referrals = may_read_referrals(&visit);
    let mut found = found;
    found.retain(|it| may_read_referrals || matches!(it.id, StoryId::Event(_)));
    if let [one] = found.as_slice() {
        return Ok(see_other(&path(one.id)));
    }
    let answer = Answer { found: Some(found), form, errors: Vec::new() };
    show(&visit, &gateway, &request, answer).await
}

/// `GET /console/stories/events/{event}`.
pub async fn get_event(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let key = EventKey::from_bytes(*read_id(&request, "event")?.as_bytes());
    let found = gateway.main.ask(move |db| story::of_event(db, key)).await?;
    show_story(&visit, &gateway, &request, found).await
}

/// `GET /console/stories/referrals/{referral}`.
pub async fn get_referral(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = ReferralId::from_uuid(read_id(&request, "referral")?);
    let found = gateway.main.ask(move |db| story::of_referral(db, id)).await?;
    show_story(&visit, &gateway, &request, found).await
}

fn read_id(request: &HttpRequest, name: &str) -> Result<Uuid, Problem> {
    let id = request.match_info().get(name).unwrap_or_default();
    Uuid::parse_str(id).map_err(|_other| Problem::not_found())
}

/// What a form asks.
enum Question {
    Number(String),
    Person(PersonAsked, String),
    /// What is to be mended.
    Wrong(Vec<FormError>),
}

/// What the page answers.
#[derive(Default)]
struct Answer {
    found: Option<Vec<Found>>,
    form: FindForm,
    errors: Vec<FormError>,
}

/// Reads the form; what is to be mended about it otherwise.
///
/// # Errors
/// `role-missing` for a question about a person without the role `privacy`.
fn read(form: &FindForm, visit: &Visit, s: &StoryWords) -> Result<Question, Problem> {
    let wrong = |field, says: &str| FormError { field, says: says.to_owned() };
    if form.about != "person" {
        let asked = form.asked.trim();
        let is_good = (1..=ASKED_CHARACTERS_MAX).contains(&asked.chars().count());
        return Ok(match is_good {
            true => Question::Number(asked.to_owned()),
            false => Question::Wrong(vec![wrong("asked", s.error_asked)]),
        });
    }
    if !visit.has(Role::Privacy) {
        return Err(Problem::role_missing(Role::Privacy.name()));
    }
    let mut errors = Vec::new();
    let (member, phone) = (form.member.trim(), form.phone.trim().replace([' ', '-'], ""));
    let partner = PartnerId::try_from(form.partner.as_str()).ok();
    let person = match (member.is_empty(), phone.is_empty()) {
        (false, true) => {
            let member = MemberRef::try_from(member).ok();
            partner.zip(member).map(|(partner, member)| PersonAsked::Member(partner, member))
        }
        (true, false) => is_e164(&phone).then_some(PersonAsked::Phone(phone)),
        (true, true) | (false, false) => None,
    };
    if person.is_none() {
        errors.push(wrong("member", s.error_person));
    }
    let purpose = form.purpose.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_good = (1..=PURPOSE_CHARACTERS_MAX).contains(&purpose.chars().count())
        && !purpose.chars().any(|c| c.is_control() || misleads(c));
    if !is_good {
        errors.push(wrong("purpose", s.error_purpose));
    }
    Ok(match person {
        Some(person) if errors.is_empty() => Question::Person(person, purpose),
        Some(_) | None => Question::Wrong(errors),
    })
}

async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    answer: Answer,
) -> Result<HttpResponse, Problem> {
    let Answer { found, form, errors } = answer;
    let frame = Frame::open(request, gateway, visit, Part::Find).await?;
    let rows =
        found.map(|found| found.iter().map(|it| FoundRow::of(gateway, &frame, it)).collect());
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Page {
        s: StoryWords::of(frame.language),
        found: rows,
        partners: partners(gateway, &form.partner),
        may_ask_persons: visit.has(Role::Privacy),
        form,
        errors,
        frame,
    };
    page::show(request, status, &page)
}

async fn show_story(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    found: Option<Story>,
) -> Result<HttpResponse, Problem> {
    let found = found.ok_or_else(Problem::not_found)?;
    if found.referral.is_some() && !may_read_referrals(visit) {
        return Err(Problem::not_found());
    }
    let frame = Frame::open(request, gateway, visit, Part::Find).await?;
    let page = StoryPage {
        s: StoryWords::of(frame.language),
        kind: kind_name(&found.kind, frame.language),
        partner: partner_name(gateway, &found.partner),
        amount: sum_of(&frame, &found.amount),
        happened_at: frame.figures.time(&found.happened_at),
        referral: found.referral.map_or_else(String::new, |id| id.to_string()),
        steps: steps(gateway, &frame, visit, &found),
        name: found.name,
        order: found.order.unwrap_or_default(),
        frame,
    };
    page::show(request, StatusCode::OK, &page)
}

fn partners(gateway: &Gateway, chosen: &str) -> Vec<Choice> {
    let listed = gateway.registry.now();
    let choice = |partner: &Arc<crate::partner::Partner>| Choice {
        value: partner.id.to_string(),
        label: partner.name.clone(),
        is_chosen: partner.id.as_str() == chosen,
    };
    listed.iter().map(choice).collect()
}

impl FoundRow {
    fn of(gateway: &Gateway, frame: &Frame, found: &Found) -> Self {
        Self {
            href: path(found.id),
            name: found.name.clone(),
            kind: kind_name(&found.kind, frame.language),
            partner: partner_name(gateway, &found.partner),
            amount: sum_of(frame, &found.amount),
            at: frame.figures.time(&found.at),
        }
    }
}
