//! What an item costs as the work grows: rows in the tables, projects, bytes of an object, replicas.

use crate::{
    arena::Arena,
    batch::batches,
    contender::Contender,
    progress::Progress,
    report::Point,
    shape::Shape,
    throughput::{self, Load},
};
use millrace_stack::Stack;

const PROJECTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Name, items of an object.
const OBJECTS: [(&str, usize); 6] = [
    ("1 KB", 1),
    ("10 KB", 1),
    ("100 KB", 10),
    ("1 MB", 100),
    ("10 MB", 1_000),
    ("60 MB", 6_000),
];
const REPLICAS: [usize; 3] = [1, 2, 4];
/// Comments of a post that fills the tables.
const COMMENTS: i64 = 22;
const FIRST_ROWS: i64 = 10_000;
const FILLED_AT_ONCE: i64 = 20_000;

/// The axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Axis {
    /// Rows in the tables, from 10,000 to as many as are asked for
    Rows,
    /// 1 to 10,000 projects
    Projects,
    /// Objects of 1 KB to 60 MB
    Objects,
    /// 1 to 4 replicas
    Replicas,
}

/// What is measured, and how large.
pub(crate) struct Scale<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) product: &'a Contender,
    pub(crate) items: usize,
    pub(crate) most_rows: i64,
    pub(crate) progress: &'a Progress,
}

// === impl Scale ===

impl Scale<'_> {
    pub(crate) async fn measure(&self, axis: Axis) -> anyhow::Result<Vec<Point>> {
        let mut points = Vec::new();
        match axis {
            Axis::Rows => return self.rows().await,
            Axis::Projects => {
                for projects in PROJECTS {
                    let shape = Shape {
                        projects,
                        items_a_batch: 1,
                        ..Shape::tiktok()
                    };
                    let at = (axis, projects.to_string(), projects as f64);
                    points.push(self.fresh(at, &shape, self.product).await?);
                }
            }
            Axis::Objects => {
                for (name, items_a_batch) in OBJECTS {
                    let bare = name == "1 KB";
                    let shape = Shape {
                        items_a_batch,
                        comments: if bare { (0, 0) } else { Shape::tiktok().comments },
                        transcription: if bare {
                            (0, 0)
                        } else {
                            Shape::tiktok().transcription
                        },
                        is_packed: false,
                        ..Shape::tiktok()
                    };
                    let at = (axis, name.to_owned(), items_a_batch as f64);
                    points.push(self.fresh(at, &shape, self.product).await?);
                }
            }
            Axis::Replicas => {
                for replicas in REPLICAS {
                    let at = (axis, replicas.to_string(), replicas as f64);
                    let contender = self.product.times(replicas);
                    points.push(self.fresh(at, &Shape::tiktok(), &contender).await?);
                }
            }
        }
        Ok(points)
    }

    /// One load into empty tables.
    async fn fresh(
        &self,
        at: (Axis, String, f64),
        shape: &Shape,
        contender: &Contender,
    ) -> anyhow::Result<Point> {
        let arena = Arena::open(self.stack, "scale", self.product).await?;
        let point = self.point(&arena, at, shape, contender, 1).await?;
        arena.close(Vec::new()).await?;
        Ok(point)
    }

    /// The same load again and again while the tables grow.
    async fn rows(&self) -> anyhow::Result<Vec<Point>> {
        let arena = Arena::open(self.stack, "scale", self.product).await?;
        let shape = Shape {
            is_scattered: true,
            ..Shape::tiktok()
        };
        let mut points = Vec::new();
        let (mut target, mut filled) = (FIRST_ROWS, 0);
        while target <= self.most_rows {
            self.progress.begin(&format!("filling up to {target} rows"));
            let posts = target / (COMMENTS + 2);
            while filled < posts {
                let until = posts.min(filled + FILLED_AT_ONCE);
                fill(&arena, filled, until).await?;
                filled = until;
            }
            arena.database.batch_execute("VACUUM ANALYZE").await?;
            let at = (Axis::Rows, target.to_string(), target as f64);
            let seed = points.len() as u64 + 1;
            points.push(self.point(&arena, at, &shape, self.product, seed).await?);
            target *= 10;
        }
        arena.close(Vec::new()).await?;
        Ok(points)
    }

    async fn point(
        &self,
        arena: &Arena<'_>,
        (axis, at, x): (Axis, String, f64),
        shape: &Shape,
        contender: &Contender,
        seed: u64,
    ) -> anyhow::Result<Point> {
        self.progress.begin(&format!("{axis:?} {at}"));
        // Two objects at least, so that one can be fetched while the other is written.
        let items = self.items.max(2 * shape.items_a_batch);
        let batches = batches(shape, seed, 0, items, 0);
        let load = Load {
            before: Vec::new(),
            order: (0..batches.len()).collect(),
            batches,
            updates: false,
        };
        let (figures, services) = throughput::measure(arena, contender, &load, self.progress).await?;
        for service in services {
            service.terminate().await?;
        }
        let indexes: i64 = arena
            .value("SELECT sum(pg_indexes_size(c))::bigint FROM unnest(ARRAY['post_analytics', 'authors', 'comments', 'ingested_batches']::regclass[]) c")
            .await?;
        let posts = arena.count("post_analytics").await?;
        self.progress.end(&format!(
            "{:.0} items/s, {:.0} + {:.0} µs an item",
            figures.items_per_second, figures.cpu_us_per_item, figures.postgres_us_per_item
        ));
        Ok(Point {
            axis: format!("{axis:?}").to_lowercase(),
            at,
            x,
            figures,
            index_bytes_per_item: indexes as f64 / posts.max(1) as f64,
        })
    }
}

/// Posts of these numbers with an author and comments each, made in the server; their keys lie anywhere.
async fn fill(arena: &Arena<'_>, from: i64, until: i64) -> anyhow::Result<()> {
    let key = |what: &str| {
        format!("'7' || lpad(abs(hashtextextended({what}, 0) % 1000000000000000000)::text, 18, '0')")
    };
    let (post, comment) = (key("n::text"), key("n || '-' || c"));
    let sql = format!(
        "INSERT INTO post_analytics (scope, platform, id, project_id, is_dryrun, url, content_text, crawled_at, job_id, author_key)
         SELECT 'proj_' || n % 100, 'tiktok', {post}, 'proj_' || n % 100, false, 'https://www.tiktok.com/video/' || n,
                repeat('xe điện ', 40), now(), 'proj_' || n % 100 || '-brand-' || n / 200, 'filler_' || n / 8
         FROM generate_series({from}, {until} - 1) n ON CONFLICT DO NOTHING;
         INSERT INTO authors (platform, author_key, username, bio, crawled_at)
         SELECT DISTINCT 'tiktok', 'filler_' || n / 8, 'filler_' || n / 8, repeat('bio ', 20), now()
         FROM generate_series({from}, {until} - 1) n ON CONFLICT DO NOTHING;
         INSERT INTO comments (platform, comment_id, post_id, author_username, text, crawled_at)
         SELECT 'tiktok', {comment}, {post}, 'nguyen_' || n, repeat('xe đẹp ', 12), now()
         FROM generate_series({from}, {until} - 1) n, generate_series(1, {COMMENTS}) c ON CONFLICT DO NOTHING"
    );
    arena.database.batch_execute(&sql).await?;
    Ok(())
}
