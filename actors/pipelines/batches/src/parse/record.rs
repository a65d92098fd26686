//! An item (or a comment) taken apart into its sections, from which columns pick what they need.

use super::{
    extra::{MAX_JSON_BYTES, ObjectText},
    fields::Fields,
    platforms::Dialect,
    reader::{Read, Reader, Scalar},
    shape::Shape,
    spelling::{Place, Section, Spelling},
    tally::CleanKind,
};
use crate::domain::{Json, Reason};
use std::borrow::Cow;

/// The sections of one item.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// The item itself, and each section that it has, by [`Place`].
    fields: [Option<Fields<'a>>; MAX_PLACES],
    sections: &'static [Section],
}

/// Most sections of any shape, the item itself included.
pub(super) const MAX_PLACES: usize = 10;

/// Why an item is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) detail: String,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Reason::MalformedItem, detail)
    }
}

// === impl Record ===

impl<'a> Record<'a> {
    /// Takes an item apart.
    ///
    /// # Errors
    /// What is no object, has no `meta` that is one, or has more fields than we handle.
    pub(super) fn item(
        json: &'a str,
        dialect: Dialect,
        reader: &mut Reader<'_>,
    ) -> Result<(Self, &'static Shape), Refusal> {
        let top = fields(json, reader)?;
        let shape = (dialect.shape)(&top);
        let mut record = Self::default();
        record.fields[0] = Some(top);
        record.open_all(shape.sections, shape.required, reader)?;
        match shape.required {
            Some(place) if !record.has(place) => {
                Err(Refusal::malformed(format!("no {}", record.name(place))))
            }
            _ => Ok((record, shape)),
        }
    }

    /// Takes apart what is no item, such as a comment.
    pub(super) fn part(
        json: &'a str,
        sections: &'static [Section],
        reader: &mut Reader<'_>,
    ) -> Result<Self, Refusal> {
        let mut record = Self::default();
        record.fields[0] = Some(fields(json, reader)?);
        record.open_all(sections, None, reader)?;
        Ok(record)
    }

    /// Where a value stands, for people.
    pub(super) fn path(&self, Spelling { place, key }: Spelling) -> String {
        match place {
            Place::TOP => key.to_owned(),
            place => format!("{}.{key}", self.name(place)),
        }
    }

    fn name(&self, place: Place) -> &'static str {
        let section = place.0.checked_sub(1).and_then(|at| self.sections.get(at));
        section.map_or("", |section| section.key)
    }

    /// Whether the item has that section.
    pub(super) fn has(&self, place: Place) -> bool {
        self.fields[place.0].is_some()
    }

    /// A value as it was sent.
    pub(super) fn json(&self, Spelling { place, key }: Spelling) -> Option<&Cow<'a, str>> {
        self.fields[place.0].as_ref()?.json(key)
    }

    /// Reads a value by its first spelling that is present. What was read is taken; a later
    /// spelling that says something else, and what could not be read, is left for `extra`.
    pub(super) fn pick<'s, T: PartialEq>(
        &mut self,
        spellings: &[Spelling],
        reader: &mut Reader<'s>,
        read: impl Fn(&mut Reader<'s>, &str) -> Read<T>,
    ) -> Option<T> {
        let mut picked: Option<Option<T>> = None;
        for Spelling { place, key } in spellings {
            let section = self.fields[place.0].as_mut();
            let Some(field) = section.and_then(|fields| fields.get_mut(key)) else {
                continue;
            };
            let (value, trouble) = match read(reader, &field.json) {
                Read::Absent => {
                    field.taken = true;
                    continue;
                }
                Read::Value(value) => (Some(value), None),
                Read::Partly(value, kind) => (Some(value), Some(kind)),
                Read::Unreadable(kind) => (None, Some(kind)),
            };
            let is_said_already = picked.as_ref().is_none_or(|winner| *winner == value);
            field.taken |= trouble.is_none() && is_said_already;
            if picked.is_none() {
                picked = Some(value);
                trouble.into_iter().for_each(|kind| reader.tally.add(kind));
            }
        }
        picked.flatten()
    }

    /// Takes a value that the event says already.
    pub(super) fn drop_if(&mut self, spelling: Spelling, is_known: impl Fn(&str) -> bool) {
        let is_redundant = |json: &Cow<'_, str>| match Scalar::of(json) {
            Scalar::Null => true,
            Scalar::Text(text) => is_known(&text),
            _ => false,
        };
        if self.json(spelling).is_some_and(is_redundant) {
            self.take(spelling);
        }
    }

    /// Notes that a value is stored.
    pub(super) fn take(&mut self, Spelling { place, key }: Spelling) {
        if let Some(fields) = &mut self.fields[place.0] {
            fields.take(key);
        }
    }

    /// Leaves something else for `extra` than what was sent.
    pub(super) fn replace(&mut self, Spelling { place, key }: Spelling, json: String) {
        let fields = self.fields[place.0].as_mut();
        if let Some(field) = fields.and_then(|fields| fields.get_mut(key)) {
            field.json = json.into();
        }
    }

    /// What was not taken, each value where it stood; none where all was taken.
    pub(super) fn extra(&self, reader: &mut Reader<'_>) -> Result<Option<Json>, Refusal> {
        bounded(self.leftovers(Place::TOP, reader))
    }

    /// What was not taken of one section, which then counts as taken.
    pub(super) fn take_extra(
        &mut self,
        place: Place,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Json>, Refusal> {
        let extra = self.leftovers(place, reader);
        self.fields[place.0] = None;
        bounded(extra)
    }

    fn leftovers(&self, place: Place, reader: &mut Reader<'_>) -> ObjectText {
        let mut object = ObjectText::default();
        if let Some(fields) = &self.fields[place.0] {
            object.push_leftovers(fields, &mut reader.tally);
        }
        for (at, Section { parent, key }) in self.sections.iter().enumerate() {
            if *parent == place {
                object.push_object(key, self.leftovers(Place(at + 1), reader));
            }
        }
        object
    }

    fn open_all(
        &mut self,
        sections: &'static [Section],
        required: Option<Place>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Refusal> {
        self.sections = sections;
        for (at, section) in sections.iter().enumerate() {
            let place = Place(at + 1);
            self.open(place, *section, required == Some(place), reader)?;
        }
        Ok(())
    }

    fn open(
        &mut self,
        place: Place,
        Section { parent, key }: Section,
        is_required: bool,
        reader: &mut Reader<'_>,
    ) -> Result<(), Refusal> {
        let parent = self.fields[parent.0].as_mut();
        let Some(field) = parent.and_then(|fields| fields.get_mut(key)) else {
            return Ok(());
        };
        match (Scalar::of(&field.json), &field.json) {
            (Scalar::Object, Cow::Borrowed(json)) => {
                let section = fields(json, reader)?;
                field.taken = true;
                self.fields[place.0] = Some(section);
            }
            (Scalar::Null, _) => field.taken = true,
            _ if is_required => return Err(Refusal::malformed(format!("{key} is not an object"))),
            _ => reader.tally.add(CleanKind::SectionUnreadable),
        }
        Ok(())
    }
}

fn fields<'a>(json: &'a str, reader: &mut Reader<'_>) -> Result<Fields<'a>, Refusal> {
    if Scalar::of(json) != Scalar::Object {
        return Err(Refusal::malformed("not an object"));
    }
    let fields = Fields::read(json).map_err(|error| {
        // Of valid JSON this is the only refusal.
        let is_too_wide = error.is_data();
        reader
            .tally
            .add_many(CleanKind::FieldsOverCap, u64::from(is_too_wide));
        Refusal::malformed(error.to_string())
    })?;
    reader
        .tally
        .add_many(CleanKind::KeyRepeated, fields.repeated as u64);
    Ok(fields)
}

fn bounded(extra: ObjectText) -> Result<Option<Json>, Refusal> {
    match extra.finish() {
        Some(json) if json.len() > MAX_JSON_BYTES => Err(Refusal::malformed(format!(
            "{} bytes have no column; at most {MAX_JSON_BYTES} can be kept in one row",
            json.len()
        ))),
        json => Ok(json.map(Json::from_clean)),
    }
}
