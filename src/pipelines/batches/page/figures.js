// === Key figures of the crawl pipeline ===

function crawlFigures(status) {
  const latest = finishedSlots().findLast((slot) => slot.p50_ms !== null && slot.ms > serverNow() - 120_000);
  const platforms = status.rates.platforms;
  const items = platforms.reduce((sum, one) => sum + one.success + one.error + one.rejected, 0);
  const good = platforms.reduce((sum, one) => sum + one.success, 0);
  return [
    ["events", "Events stored", `${rate(rateOf((slot) => slot.stored))}/s`, `${count(lately(WINDOW_MS, (slot) => slot.stored))} in 15 min`],
    ["items", "Items", `${rate(rateOf(itemsOf))}/s`, `${count(lately(WINDOW_MS, itemsOf))} in 15 min`],
    ["latency", "Latency p50", milliseconds(latest?.p50_ms), `p95 ${milliseconds(latest?.p95_ms)}`],
    ["success", "Success rate", items ? percent((100 * good) / items) : "–", items ? platforms.map((one) => `${one.platform} ${percent(one.success_percent)}`).join(" · ") : "no items in 5 min"],
  ];
}

function deadFigures() {
  const dead = lately(WINDOW_MS, (slot) => slot.dead_lettered);
  const retried = lately(WINDOW_MS, (slot) => slot.retried);
  return [["dead", "Dead-lettered", count(dead), `in 15 min · ${count(retried)} retried`, dead > 0 ? "warn" : ""]];
}

/** How it goes when nothing is wrong. */
function calm(up) {
  const stored = lately(WINDOW_MS, (slot) => slot.stored);
  const dead = lately(WINDOW_MS, (slot) => slot.dead_lettered);
  if (stored + dead === 0) {
    const detail = everStored() ? "Consuming; nothing arrived in the last 15 min." : "Consuming and waiting for the first event.";
    return [{ title: "All is well, and quiet", detail }];
  }
  const last = slotsSeen.findLast((slot) => slot.stored > 0);
  const quiet = last ? serverNow() - last.ms - last.length : 0;
  const ago = quiet > 10_000 ? `, the last one ${span(quiet)} ago` : "";
  const letters = dead ? `${counted(dead, "event")} went to the dead letters.` : "No dead letters.";
  return [{ detail: `${counted(stored, "event")} stored in the last 15 min${ago}. ${letters} ${up}` }];
}
