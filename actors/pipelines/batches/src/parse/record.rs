//! An item (or a comment) taken apart into its sections, from which columns pick what they need.

use super::{
    extra::{MAX_JSON_BYTES, ObjectText},
    fields::Fields,
    platforms::Dialect,
    reader::{Read, Reader, Scalar},
    shape::Shape,
    spelling::{Place, Section, Spelling},
    tally::CleanKind,
    tape::Value,
};
use crate::domain::{Json, Reason};
use std::borrow::Cow;

/// The sections of one item.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// The item itself.
    top: Fields<'a>,
    /// Each section that it has, by [`Place`] but for the first.
    within: Vec<Option<Fields<'a>>>,
    sections: &'static [Section],
}

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
        item: Value<'a>,
        dialect: Dialect,
        reader: &mut Reader<'_>,
    ) -> Result<(Self, &'static Shape), Refusal> {
        let top = of_object(item, reader)?;
        let shape = (dialect.shape)(&top);
        let mut record = Self::of(top, shape.sections);
        record.open_all(shape.required, reader)?;
        match shape.required {
            Some(place) if !record.has(place) => {
                Err(Refusal::malformed(format!("no {}", record.name(place))))
            }
            _ => Ok((record, shape)),
        }
    }

    /// Takes apart what is no item, such as a comment.
    pub(super) fn part(
        part: Value<'a>,
        sections: &'static [Section],
        reader: &mut Reader<'_>,
    ) -> Result<Self, Refusal> {
        let mut record = Self::of(of_object(part, reader)?, sections);
        record.open_all(None, reader)?;
        Ok(record)
    }

    fn of(top: Fields<'a>, sections: &'static [Section]) -> Self {
        let within = Vec::with_capacity(sections.len());
        Self {
            top,
            within,
            sections,
        }
    }

    fn at(&self, place: Place) -> Option<&Fields<'a>> {
        match place {
            Place::TOP => Some(&self.top),
            Place(at) => self.within.get(at - 1)?.as_ref(),
        }
    }

    fn at_mut(&mut self, place: Place) -> Option<&mut Fields<'a>> {
        match place {
            Place::TOP => Some(&mut self.top),
            Place(at) => self.within.get_mut(at - 1)?.as_mut(),
        }
    }

    /// Where a value stands, for people.
    pub(super) fn path(&self, Spelling { place, key }: Spelling) -> String {
        match place {
            Place::TOP => key.text.to_owned(),
            place => format!("{}.{}", self.name(place), key.text),
        }
    }

    fn name(&self, place: Place) -> &'static str {
        let section = place.0.checked_sub(1).and_then(|at| self.sections.get(at));
        section.map_or("", |section| section.key.text)
    }

    /// Whether the item has that section.
    pub(super) fn has(&self, place: Place) -> bool {
        self.at(place).is_some()
    }

    /// A value as it was sent.
    pub(super) fn json(&self, Spelling { place, key }: Spelling) -> Option<&Cow<'a, str>> {
        self.at(place)?.get(key).map(|field| &field.json)
    }

    /// The same, to look into; none where something else is left for `extra`.
    pub(super) fn sent(&self, Spelling { place, key }: Spelling) -> Option<Value<'a>> {
        self.at(place)?.sent(key)
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
            let section = self.at_mut(*place);
            let Some(field) = section.and_then(|fields| fields.get_mut(*key)) else {
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
        if let Some(fields) = self.at_mut(place) {
            fields.take(key);
        }
    }

    /// Leaves something else for `extra` than what was sent.
    pub(super) fn replace(&mut self, Spelling { place, key }: Spelling, json: String) {
        let fields = self.at_mut(place);
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
        if let Some(section) = place.0.checked_sub(1).and_then(|at| self.within.get_mut(at)) {
            *section = None;
        }
        bounded(extra)
    }

    fn leftovers(&self, place: Place, reader: &mut Reader<'_>) -> ObjectText {
        let mut object = ObjectText::default();
        if let Some(fields) = self.at(place) {
            object.push_leftovers(fields, &mut reader.tally);
        }
        for (at, Section { parent, key }) in self.sections.iter().enumerate() {
            if *parent == place {
                object.push_object(key.text, self.leftovers(Place(at + 1), reader));
            }
        }
        object
    }

    fn open_all(&mut self, required: Option<Place>, reader: &mut Reader<'_>) -> Result<(), Refusal> {
        for (at, section) in self.sections.iter().enumerate() {
            let is_required = required == Some(Place(at + 1));
            let fields = self.open(*section, is_required, reader)?;
            self.within.push(fields);
        }
        Ok(())
    }

    fn open(
        &mut self,
        Section { parent, key }: Section,
        is_required: bool,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Fields<'a>>, Refusal> {
        let Some(fields) = self.at_mut(parent) else {
            return Ok(None);
        };
        let Some(value) = fields.sent(key) else {
            return Ok(None);
        };
        match Scalar::of(value.json) {
            Scalar::Object => {
                let section = of_object(value, reader)?;
                fields.take(key);
                return Ok(Some(section));
            }
            Scalar::Null => fields.take(key),
            _ if is_required => return Err(Refusal::malformed(format!("{} is not an object", key.text))),
            _ => reader.tally.add(CleanKind::SectionUnreadable),
        }
        Ok(None)
    }
}

fn of_object<'a>(object: Value<'a>, reader: &mut Reader<'_>) -> Result<Fields<'a>, Refusal> {
    if Scalar::of(object.json) != Scalar::Object {
        return Err(Refusal::malformed("not an object"));
    }
    let fields = Fields::of(object).map_err(|error| {
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
