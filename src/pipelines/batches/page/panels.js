// === What the database holds: projects and their jobs, crawl errors ===

const PAGE = 20;
const MOST_PROJECTS = 100;

// === Projects ===

let projectsShown = PAGE;
const openProjects = new Map();

const projects = new Panel("projects-panel", askProjects, showProjects);

/** As many pages as the reader has asked for. */
async function askProjects() {
  const found = [];
  let next = null;
  do {
    const answer = await get("projects", { limit: projectsShown - found.length, cursor: next });
    found.push(...answer.projects);
    next = answer.next;
  } while (next && found.length < projectsShown);
  await Promise.all([...openProjects.keys()].map(askJobs));
  return { projects: found, next };
}

async function askJobs(id) {
  try {
    const answer = await get(`projects/${encodeURIComponent(id)}/progress`, { limit: 100 });
    if (openProjects.has(id)) openProjects.set(id, { jobs: answer.jobs, more: answer.next !== null, error: null });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (openProjects.has(id)) openProjects.set(id, { ...openProjects.get(id), error: error.message });
  }
}

const PROGRESS_COLUMNS = [["project", ""], ["progress", ""], ["batches", "number"], ["items", "number"], ["errors", "number"], ["rejected", "number"], ["last commit", "number"]];

function showProjects({ projects: found, next }) {
  const place = byId("projects");
  if (found.length === 0) {
    place.replaceChildren(empty("No project yet: the first stored batch brings one."));
    return;
  }
  let whole = place.querySelector("table");
  if (!whole) {
    const made = table("Projects, newest activity first; a project opens to its jobs", PROGRESS_COLUMNS, "progress");
    whole = made.whole;
    place.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Projects" }, whole), el("button", { type: "button", class: "quiet", onclick: moreProjects }, "More projects"));
  }
  place.lastChild.hidden = !next || projectsShown >= MOST_PROJECTS;
  const rows = found.flatMap((project) => [{ project }, ...jobRows(project)]);
  keep(whole.tBodies[0], rows, rowKey, makeProgressRow, showProgressRow);
}

function moreProjects() {
  projectsShown = Math.min(MOST_PROJECTS, projectsShown + PAGE);
  projects.refresh();
}

const rowKey = ({ project, job, note }) => (note ? `n ${project.project_id}` : job ? `j ${project.project_id} ${job.job_id} ${job.platform}` : `p ${project.project_id}`);

function jobRows(project) {
  const open = openProjects.get(project.project_id);
  if (!open) return [];
  const rows = (open.jobs ?? []).map((job) => ({ project, job }));
  const note = open.error ?? (open.jobs ? (open.more ? "only the 100 newest jobs are shown" : null) : "asking for its jobs …");
  return note ? [...rows, { project, note }] : rows;
}

function makeProgressRow({ project, job, note }) {
  if (note) return el("tr", { class: "job" }, el("td", { colspan: PROGRESS_COLUMNS.length }));
  const id = job ? el("span", { class: "id" }) : project.project_id === null
    ? el("span", { class: "none" }, "dry runs (no project)")
    : el("button", { type: "button", class: "opener id", onclick: () => toggleProject(project.project_id) });
  return el("tr", { class: job ? "job" : "project" }, el("th", { scope: "row" }, id), el("td", { class: "percent" }, bar(0), el("span")), ...PROGRESS_COLUMNS.slice(2).map(() => el("td", { class: "number" })));
}

function showProgressRow(row, { project, job, note }) {
  if (note) {
    say(row.firstChild, note);
    return;
  }
  const one = job ?? project;
  const name = row.firstChild.firstChild;
  if (job) say(name, `${job.job_id} · ${job.platform}`);
  else if (project.project_id !== null) {
    const open = openProjects.has(project.project_id);
    mark(name, "aria-expanded", open);
    say(name, `${open ? "▾" : "▸"} ${project.project_id}`);
    name.title = counted(project.jobs, "job");
  }
  const [, progress, ...cells] = row.children;
  progress.firstChild.firstChild.style.width = `${Math.min(100, one.percent ?? 0)}%`;
  mark(progress.firstChild, "class", one.percent === null ? "bar unknown" : one.percent >= 100 ? "bar done" : "bar");
  say(progress.lastChild, one.percent === null ? "unknown" : percent(one.percent));
  const expected = one.batches_expected === null ? "" : ` / ${count(one.batches_expected)}`;
  [`${count(one.batches_done)}${expected}`, count(one.items), count(one.errors), count(one.rejected), clock(one.last_committed_at)]
    .forEach((text, at) => say(cells[at], text));
  cells[2].classList.toggle("some", one.errors > 0);
  cells[3].classList.toggle("some", one.rejected > 0);
}

function toggleProject(id) {
  if (!openProjects.delete(id)) {
    openProjects.set(id, {});
    askJobs(id).then(() => showProjects(projects.answer));
  }
  showProjects(projects.answer);
}

// === Crawl errors ===

const errors = new Panel("errors-panel", () => get("errors"), showErrors);

function showErrors({ total, codes, categories }) {
  const place = byId("errors");
  if (total === 0) {
    place.replaceChildren(empty("No crawl error is stored."));
    return;
  }
  let [byCategory, byCode] = place.querySelectorAll("table");
  if (!byCode) {
    byCategory = table("Crawl errors by category", [["category", ""], ["share", ""], ["errors", "number"]], "shares").whole;
    byCode = table("Crawl errors by code", [["code", ""], ["category", ""], ["platform", ""], ["errors", "number"]], "plain").whole;
    place.replaceChildren(el("p", { class: "sum" }), byCategory, el("h3", {}, "By code"), el("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Crawl errors by code" }, byCode));
  }
  say(place.firstChild, `${counted(total, "crawl error")} stored.`);
  keep(byCategory.tBodies[0], categories, (one) => one.category, (one) =>
    el("tr", {}, el("th", { scope: "row" }, one.category), el("td", { class: "share" }, bar(0, "bad")), el("td", { class: "number" })), (row, one) => {
    row.children[1].firstChild.firstChild.style.width = `${(100 * one.errors) / total}%`;
    say(row.children[2], `${count(one.errors)} (${percent((100 * one.errors) / total)})`);
  });
  keep(byCode.tBodies[0], codes.slice(0, MOST_ROWS), (one) => `${one.error_code} ${one.platform}`, (one) =>
    el("tr", {}, el("th", { scope: "row", class: "code" }, one.error_code), el("td", {}, one.category), el("td", {}, one.platform), el("td", { class: "number" })),
  (row, one) => say(row.children[3], count(one.errors)));
}

const howToPublish = () => el("span", {},
  "Upload an object and publish its event to the exchange ", el("code", {}, "smap.events"), " with the key ", el("code", {}, "data.collected"),
  ", or try it with made-up data: ", el("code", {}, "millrace generate --items 1000"));
