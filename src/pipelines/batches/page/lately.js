// === The last minutes of the crawl pipeline ===

const WINDOW_MS = 15 * 60_000;

/** The last 15 minutes of this replica's host, oldest first, restarts included. */
let slotsSeen = [];
let ledgerHasRows = false;

function learnSlots(status, isAnother) {
  if (isAnother) slotsSeen = [];
  for (const slot of status.recent.slots) learnSlot({ ...slot, ms: Date.parse(slot.at), length: status.recent.slot_seconds * 1000, replica: status.replica });
  const oldest = Date.parse(status.timestamp) - WINDOW_MS - 10_000;
  slotsSeen = slotsSeen.filter((slot) => slot.ms >= oldest);
}

/** The same slot may come again with more in it, its time a few milliseconds off. */
function learnSlot(slot) {
  const half = slot.length / 2;
  let at = slotsSeen.length;
  while (at > 0 && slotsSeen[at - 1].ms > slot.ms + half) at -= 1;
  const before = slotsSeen[at - 1];
  const isSame = before && before.replica === slot.replica && Math.abs(before.ms - slot.ms) < half;
  if (isSame) slotsSeen[at - 1] = slot;
  else slotsSeen.splice(at, 0, slot);
}

/** Slots that are over: the last one still fills. */
const finishedSlots = () => slotsSeen.slice(0, -1);

/** A sum over the last `ms`, the slot that still fills included. */
function lately(ms, value) {
  const from = serverNow() - ms;
  return slotsSeen.filter((slot) => slot.ms + slot.length > from).reduce((sum, slot) => sum + value(slot), 0);
}

/** Per second over the last half minute of finished slots; none while there are none. */
function rateOf(value) {
  const slots = finishedSlots().slice(-6);
  const recent = slots.filter((slot) => slot.ms > serverNow() - 45_000);
  const seconds = recent.reduce((sum, slot) => sum + slot.length / 1000, 0);
  return seconds ? recent.reduce((sum, slot) => sum + value(slot), 0) / seconds : null;
}

const itemsOf = (slot) => slot.success + slot.error + slot.rejected;
const eventsOf = (slot) => slot.stored + slot.dead_lettered + slot.retried;

/** Whether anything was ever stored: lately here, or in the ledger. */
const everStored = () => ledgerHasRows || slotsSeen.some((slot) => eventsOf(slot) > 0);
