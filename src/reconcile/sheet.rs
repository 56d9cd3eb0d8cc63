//! A page of text and lines as a tagged PDF (PDF/UA-1): what is drawn where, in the order in which it is
//! read. Lengths are thousandths of a point, from the upper left corner; A4 is 595,280 by 841,890.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use krilla::color::rgb;
use krilla::configure::{Configuration, Validator};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};
use krilla::text::{Font, TextDirection};
use krilla::{Document, SerializeSettings};
use ttf_parser::Face;

pub const WIDTH: i64 = 595_280;
pub const HEIGHT: i64 = 841_890;

/// Latin letters and digits of Roboto, Han characters of Droid Sans Fallback: `fonts/README.md`.
static LATIN: &[u8] = include_bytes!("fonts/latin.ttf");
static LATIN_STRONG: &[u8] = include_bytes!("fonts/latin-strong.ttf");
static HAN: &[u8] = include_bytes!("fonts/han.ttf");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Strong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub size: i64,
    pub weight: Weight,
    pub colour: Colour,
}

/// What a text is for whoever has the page read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Title,
    Heading,
    /// Lines of one number are one paragraph.
    Paragraph(u32),
    Cell {
        table: u32,
        row: u32,
        column: u32,
        is_header: bool,
    },
    /// Repeated on each page, and not read out.
    Artifact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Text { x: i64, y: i64, text: String, style: Style, role: Role },
    Block { x: i64, y: i64, width: i64, height: i64, colour: Colour },
}

/// A page cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error("a font cannot be read")]
    Font,
    #[error("the PDF cannot be written: {0}")]
    Pdf(String),
}

struct Typeface {
    font: Font,
    face: Face<'static>,
}

/// The fonts, and which characters none of them has.
pub struct Fonts {
    latin: Typeface,
    strong: Typeface,
    han: Typeface,
}

/// Text in one font.
struct Run<'a> {
    typeface: &'a Typeface,
    text: String,
    is_han: bool,
}

impl Typeface {
    fn read(data: &'static [u8]) -> Result<Self, SheetError> {
        let font = Font::new(data.into(), 0).ok_or(SheetError::Font)?;
        let face = Face::parse(data, 0).map_err(|_malformed| SheetError::Font)?;
        Ok(Self { font, face })
    }

    fn has(&self, character: char) -> bool {
        self.face.glyph_index(character).is_some()
    }

    fn width(&self, text: &str, size: i64) -> i64 {
        let units = text
            .chars()
            .filter_map(|character| self.face.glyph_hor_advance(self.face.glyph_index(character)?));
        let units: i64 = units.map(i64::from).sum();
        let em = i64::from(self.face.units_per_em()).max(1);
        units.saturating_mul(size).checked_div(em).unwrap_or(0)
    }
}

impl Fonts {
    /// # Errors
    /// [`SheetError::Font`].
    pub fn read() -> Result<Self, SheetError> {
        Ok(Self {
            latin: Typeface::read(LATIN)?,
            strong: Typeface::read(LATIN_STRONG)?,
            han: Typeface::read(HAN)?,
        })
    }

    /// The text with every character that no font has as its code point in brackets: nothing is left blank.
    #[must_use]
    pub fn spelled(&self, text: &str) -> String {
        let spelled = text.chars().map(|character| {
            if self.latin.has(character) || self.han.has(character) {
                character.to_string()
            } else {
                format!("[U+{:04X}]", u32::from(character))
            }
        });
        spelled.collect()
    }

    fn runs(&self, text: &str, weight: Weight) -> Vec<Run<'_>> {
        let latin = match weight {
            Weight::Regular => &self.latin,
            Weight::Strong => &self.strong,
        };
        let mut runs: Vec<Run<'_>> = Vec::new();
        for character in self.spelled(text).chars() {
            let is_han = !latin.has(character);
            match runs.last_mut().filter(|run| run.is_han == is_han) {
                Some(run) => run.text.push(character),
                None => {
                    let typeface = if is_han { &self.han } else { latin };
                    runs.push(Run { typeface, text: character.to_string(), is_han });
                }
            }
        }
        runs
    }

    #[must_use]
    pub fn width(&self, text: &str, style: Style) -> i64 {
        let runs = self.runs(text, style.weight);
        runs.iter().map(|run| run.typeface.width(&run.text, style.size)).sum()
    }

    /// Lines no wider than that. It breaks at spaces, and beside Han characters.
    #[must_use]
    pub fn wrap(&self, text: &str, style: Style, width_max: i64) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in words(&self.spelled(text)) {
            let Some(line) = lines.last_mut() else { continue };
            let longer = format!("{line}{word}");
            if line.is_empty() || self.width(longer.trim_end(), style) <= width_max {
                *line = longer;
            } else {
                lines.push(word.trim_start().to_owned());
            }
        }
        lines.iter().map(|line| line.trim().to_owned()).collect()
    }
}

/// Pieces between which a line may break.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut breaks = true;
    for character in text.chars() {
        let is_wide = u32::from(character) >= 0x2e80;
        // No line begins with a closing mark.
        let closes = "，。、；：）」』》".contains(character);
        match words.last_mut().filter(|_last| closes || !breaks && !is_wide) {
            Some(word) => word.push(character),
            None => words.push(character.to_string()),
        }
        breaks = character == ' ' || is_wide;
    }
    words
}

/// What stands on the pages.
#[derive(Debug, Default)]
pub struct Sheets {
    pub pages: Vec<Vec<Item>>,
}

/// What is said about the whole document.
pub struct About {
    pub title: String,
    pub id: String,
    pub made_at: chrono::DateTime<chrono::Utc>,
}

impl Sheets {
    /// The same content gives the same bytes.
    ///
    /// # Errors
    /// When the document is not what PDF/UA-1 asks for, such as a heading without a text.
    pub fn pdf(&self, fonts: &Fonts, about: About) -> Result<Vec<u8>, SheetError> {
        let settings = SerializeSettings {
            configuration: Configuration::new_with_validator(Validator::UA1),
            ..SerializeSettings::default()
        };
        let mut document = Document::new_with(settings);
        let mut tags = TagBuilder::default();
        let mut outline = Outline::new();
        for (number, items) in self.pages.iter().enumerate() {
            let size = PageSettings::from_wh(points(WIDTH), points(HEIGHT));
            let size = size.ok_or_else(|| SheetError::Pdf("its size".to_owned()))?;
            let mut page = document.start_page_with(size);
            let mut surface = page.surface();
            for item in items {
                draw(&mut surface, fonts, item, &mut tags);
                if let Item::Text { x, y, text, style, role: Role::Title | Role::Heading } = item {
                    let at = Point::from_xy(points(*x), points(y.saturating_sub(style.size)));
                    let place = XyzDestination::new(number, at);
                    outline.push_child(OutlineNode::new(text.clone(), place));
                }
            }
            surface.finish();
            page.finish();
        }
        document.set_outline(outline);
        document.set_tag_tree(tags.finish());
        document.set_metadata(metadata(about));
        document.finish().map_err(|error| SheetError::Pdf(format!("{error:?}")))
    }
}

fn metadata(about: About) -> Metadata {
    use chrono::{Datelike, Timelike};
    let at = about.made_at;
    let small = |number: u32| u8::try_from(number).unwrap_or(0);
    let date = krilla::metadata::DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(about.title)
        .language("en".to_owned())
        .creator("Tallystick".to_owned())
        .document_id(about.id)
        .creation_date(date)
}

#[expect(
    clippy::float_arithmetic,
    reason = "PDF has points as floats; a length is whole until here"
)]
fn points(length: i64) -> f32 {
    let part = |number: i64| f32::from(i16::try_from(number).unwrap_or(i16::MAX));
    part(length.div_euclid(1000)) + part(length.rem_euclid(1000)) / 1000.0
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, item: &Item, tags: &mut TagBuilder) {
    match item {
        Item::Block { x, y, width, height, colour } => {
            let (right, bottom) = (x.saturating_add(*width), y.saturating_add(*height));
            let rect = Rect::from_ltrb(points(*x), points(*y), points(right), points(bottom));
            let mut path = PathBuilder::new();
            rect.into_iter().for_each(|rect| path.push_rect(rect));
            surface.start_tagged(ContentTag::Artifact(ArtifactType::Other));
            surface.set_fill(Some(fill(*colour)));
            path.finish().iter().for_each(|path| surface.draw_path(path));
            surface.end_tagged();
        }
        Item::Text { x, y, text, style, role } => {
            surface.set_fill(Some(fill(style.colour)));
            let mut x = *x;
            let mut identifiers = Vec::new();
            for run in fonts.runs(text, style.weight) {
                let lang = if run.is_han { "zh-CN" } else { "en" };
                let tag = match role {
                    Role::Artifact => ContentTag::Artifact(ArtifactType::Footer),
                    Role::Title | Role::Heading | Role::Paragraph(_) | Role::Cell { .. } => {
                        ContentTag::Span(SpanTag::empty().with_lang(Some(lang)))
                    }
                };
                identifiers.push(surface.start_tagged(tag));
                let at = Point::from_xy(points(x), points(*y));
                let font = run.typeface.font.clone();
                let direction = TextDirection::LeftToRight;
                surface.draw_text(at, font, points(style.size), &run.text, false, direction);
                surface.end_tagged();
                x = x.saturating_add(run.typeface.width(&run.text, style.size));
            }
            if *role != Role::Artifact {
                tags.add(TaggedText { role: *role, text: text.clone(), identifiers });
            }
        }
    }
}

fn fill(colour: Colour) -> Fill {
    let Colour(red, green, blue) = colour;
    Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }
}

/// Puts what was drawn under headings, paragraphs, rows and cells, in the order of drawing.
#[derive(Default)]
struct TagBuilder {
    texts: Vec<TaggedText>,
}

struct TaggedText {
    role: Role,
    text: String,
    identifiers: Vec<Identifier>,
}

impl TagBuilder {
    fn add(&mut self, text: TaggedText) {
        match self.texts.last_mut().filter(|last| last.role == text.role) {
            Some(last) => last.identifiers.extend(text.identifiers),
            None => self.texts.push(text),
        }
    }

    fn finish(self) -> TagTree {
        let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
        let mut tables = BTreeSet::new();
        let mut rows: Vec<RowOfCells> = Vec::new();
        for text in self.texts {
            let Role::Cell { table, row, is_header, .. } = text.role else {
                close_table(&mut tree, std::mem::take(&mut rows));
                let first = NonZeroU16::MIN;
                let second = first.saturating_add(1);
                let mut group = match text.role {
                    Role::Title => TagGroup::new(Tag::Hn(first, Some(text.text))),
                    Role::Heading => TagGroup::new(Tag::Hn(second, Some(text.text))),
                    Role::Paragraph(_) | Role::Artifact | Role::Cell { .. } => {
                        TagGroup::new(Tag::P)
                    }
                };
                text.identifiers.into_iter().for_each(|identifier| group.push(identifier));
                tree.push(group);
                continue;
            };
            if tables.insert(table) {
                close_table(&mut tree, std::mem::take(&mut rows));
            }
            let mut cell = match is_header {
                true => TagGroup::new(Tag::TH(TableHeaderScope::Column)),
                false => TagGroup::new(Tag::TD),
            };
            text.identifiers.into_iter().for_each(|identifier| cell.push(identifier));
            match rows.last_mut().filter(|last| last.number == row) {
                Some(last) => last.cells.push(cell),
                None => rows.push(RowOfCells { number: row, cells: vec![cell] }),
            }
        }
        close_table(&mut tree, rows);
        tree
    }
}

struct RowOfCells {
    number: u32,
    cells: Vec<TagGroup>,
}

fn close_table(tree: &mut TagTree, rows: Vec<RowOfCells>) {
    if rows.is_empty() {
        return;
    }
    let mut table = TagGroup::new(Tag::Table);
    for row in rows {
        let mut group = TagGroup::new(Tag::TR);
        row.cells.into_iter().for_each(|cell| group.push(cell));
        table.push(group);
    }
    tree.push(table);
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { size: 10_000, weight: Weight::Regular, colour: Colour(0, 0, 0) };

    #[test]
    fn a_character_that_no_font_has_is_spelled_and_never_blank() {
        let fonts = Fonts::read().unwrap();
        assert_eq!(fonts.spelled("绿篮超市 A·B"), "绿篮超市 A·B");
        assert_eq!(fonts.spelled("王\u{4dae}"), "王[U+4DAE]");
        assert!(fonts.width("王\u{4dae}", STYLE) > fonts.width("王", STYLE));
    }

    #[test]
    fn lines_break_at_spaces_and_beside_han_and_lose_nothing() {
        let fonts = Fonts::read().unwrap();
        let text = "Discount subsidies owed to a partner: 应付优惠补贴，属以前月份。";
        let lines = fonts.wrap(text, STYLE, 60_000);
        assert!(lines.len() > 3, "{lines:?}");
        let whole: String = lines.concat();
        let plain = |text: &str| text.replace(' ', "");
        assert_eq!(plain(&whole), plain(text));
        for line in lines {
            assert!(fonts.width(&line, STYLE) <= 70_000, "{line}");
            assert!(!line.starts_with('，') && !line.starts_with('。'), "{line}");
        }
    }
}
