//! Who ordered a crawl: brand, competitor and dry-run jobs.

use super::{
    dice::{Dice, Stream},
    settings::{CorpusSettings, Platform, Temper},
    text,
};

const COMPETITORS: [&str; 6] = ["toyota", "honda", "Misa", "Mercedes-Benz", "Hãng Xe", "fast"];

/// A crawl job: several batches of one platform for one keyword.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    /// Position in the corpus.
    pub(super) number: u64,
    /// As crawlers name it.
    pub(super) id: String,
    /// The project that the job id names, for crawlers that say so in the event.
    pub(super) project_id: Option<String>,
    /// Folder of its objects below the platform.
    pub(super) folder: String,
    pub(super) platform: &'static str,
    pub(super) keyword: &'static str,
    pub(super) brand: Option<&'static str>,
    /// Items of each batch.
    pub(super) batches: Vec<usize>,
    /// 0 or 1: both kinds of producers exist.
    pub(super) first_index: usize,
}

/// Numbers from here on are of jobs that crawl what others have crawled.
pub(super) const AGAIN: u64 = 1 << 20;

// === impl Job ===

impl Job {
    /// The `number`th job, of at most `items` items.
    pub(super) fn new(settings: &CorpusSettings, number: u64, items: usize) -> Self {
        let mut dice = Dice::new(settings.seed, Stream::Job, number);
        let hostile = settings.temper == Temper::Hostile;
        let mixed = dice.below(100); // drawn in any case: the rest of the job stays the same
        let platform = match settings.platform {
            Some(Platform::Tiktok) => "tiktok",
            Some(Platform::Youtube) => "youtube",
            Some(Platform::Facebook) => "facebook",
            None if mixed < 60 => "tiktok",
            None if hostile && number % 8 == 6 => "facebook",
            None => "youtube",
        };
        let (id, project_id, folder) = names(settings, &mut dice, number, hostile);
        Self {
            number,
            folder: format!("{folder}_{number}"),
            platform,
            keyword: text::keyword(&mut dice),
            brand: dice
                .chance(60)
                .then(|| *dice.pick(&["VinFast", "Misa", "Vinamilk"])),
            batches: batches(&mut dice, platform, shape(number, hostile), items),
            first_index: usize::from(dice.chance(70)),
            id,
            project_id,
        }
    }

    /// Whether another job crawls some of the same things, or did.
    pub(super) fn is_crawled_twice(&self) -> bool {
        self.number >= AGAIN || matches!(self.number % 8, 1 | 3 | 6)
    }

    /// The job that crawls the same things again; a dry run is its own scope, so it keeps its id.
    pub(super) fn again(&self, number: u64) -> Self {
        let id = match (&self.project_id, self.id.rsplit_once('-')) {
            (Some(_), Some((head, _))) => format!("{head}-{}", number + 100),
            _ => self.id.clone(),
        };
        Self {
            number,
            id,
            folder: format!("{}_again_{number}", self.folder),
            ..self.clone()
        }
    }

    /// The job of another project that happens upon the same things: its rows are its own.
    pub(super) fn by_another_crawler(&self, number: u64) -> Self {
        Self {
            number,
            id: format!("proj_rival-brand-{number}"),
            project_id: Some("proj_rival".to_owned()),
            folder: format!("proj_rival/brand_{number}"),
            brand: None,
            ..self.clone()
        }
    }
}

enum Shape {
    Usual,
    OneItem,
    Empty,
}

fn shape(number: u64, hostile: bool) -> Shape {
    match number % 9 {
        4 if hostile => Shape::Empty,
        7 if hostile => Shape::OneItem,
        _ => Shape::Usual,
    }
}

fn batches(dice: &mut Dice, platform: &str, shape: Shape, left: usize) -> Vec<usize> {
    let full = if platform == "youtube" { 20 } else { 50 };
    let wanted = match shape {
        Shape::Empty => return vec![0],
        Shape::OneItem => 1,
        Shape::Usual => full * dice.between(0, 4) as usize + dice.between(1, full as u64) as usize,
    };
    let mut rest = wanted.min(left);
    let mut sizes = Vec::new();
    while rest > 0 {
        sizes.push(rest.min(full));
        rest -= rest.min(full);
    }
    sizes
}

fn names(
    settings: &CorpusSettings,
    dice: &mut Dice,
    number: u64,
    hostile: bool,
) -> (String, Option<String>, String) {
    if number % 7 == 5 {
        let id = dice.uuid().to_string();
        return (id.clone(), None, format!("dryrun/{id}"));
    }
    if hostile && number % 16 == 10 {
        let id = format!("adhoc{number}");
        return (id.clone(), None, format!("dryrun/{id}"));
    }
    let index = number % settings.projects.max(1) as u64;
    let mut of_project = Dice::new(settings.seed, Stream::Job, (1 << 40) + index);
    let project = match index % 3 {
        0 => format!("proj_{:06x}", of_project.below(1 << 24)),
        1 => of_project.uuid().to_string(),
        _ => format!("my-project-{:04x}", of_project.below(1 << 16)),
    };
    // Of a competitor whose name has a hyphen, only a UUID in front can tell the project.
    let plain_names = if index % 3 == 1 { 6 } else { 3 };
    let (middle, folder) = if dice.chance(55) {
        ("brand".to_owned(), "brand".to_owned())
    } else {
        let name = COMPETITORS[dice.below(plain_names) as usize];
        let middle = if index % 3 == 1 {
            format!("competitor-{name}")
        } else {
            name.to_owned()
        };
        (middle, format!("competitor_{name}"))
    };
    (
        format!("{project}-{middle}-{number}"),
        Some(project.clone()),
        format!("{project}/{folder}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_batches::domain::project_of;

    #[test]
    fn the_job_id_names_the_project_the_job_is_for() {
        let settings = CorpusSettings {
            temper: Temper::Hostile,
            ..CorpusSettings::default()
        };
        for number in 0..200 {
            let job = Job::new(&settings, number, 1_000);
            assert_eq!(
                project_of(None, &job.id).id(),
                job.project_id.as_deref(),
                "{}",
                job.id
            );
            let again = job.again(900);
            assert_eq!(
                project_of(None, &again.id).id(),
                job.project_id.as_deref(),
                "{}",
                again.id
            );
            if job.project_id.is_none() {
                assert_eq!(again.id, job.id);
            }
        }
    }

    #[test]
    fn every_batch_but_the_last_is_full() {
        for number in 0..50 {
            let job = Job::new(&CorpusSettings::default(), number, 170);
            let full = if job.platform == "youtube" { 20 } else { 50 };
            let (last, before) = job.batches.split_last().unwrap();
            assert!(before.iter().all(|&size| size == full));
            assert!((1..=full).contains(last));
            assert!(job.batches.iter().sum::<usize>() <= 170);
        }
    }
}
