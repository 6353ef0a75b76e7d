"use strict";
// Everything that comes from the server is shown by textContent: never as markup.
const PERIOD = 1000, PATIENCE = 3000, HISTORY = 60;
const ORDER = ["stopped", "waiting", "paused", "standby", "running"];
const SIGN = { running: "▶", paused: "⏸", waiting: "…", stopped: "■", standby: "◌" };
const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const number = (value) => (value === null || value === undefined ? "?" : whole.format(Math.round(value)));
const cards = new Map();
let seen = null;

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "?";
  if (seconds < 120) return (seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)) + " s";
  if (seconds < 7200) return Math.round(seconds / 60) + " min";
  return Math.round(seconds / 3600) + " h";
}

function makeCard(name) {
  const part = {};
  const numbers = element("dl", { class: "numbers" });
  for (const [key, label] of [["rate", "Records/s"], ["lag", "Lag, records"], ["age", "Lag, time"],
    ["eta", "Caught up in"], ["consumed", "Consumed"], ["applied", "Applied"], ["filtered", "Filtered"],
    ["deadlettered", "Dead letters"], ["skipped", "Skipped"]]) {
    part[key] = element("dd", { "data-number": key });
    numbers.append(element("div", null, element("dt", null, label), part[key]));
  }
  part.badge = element("span", { class: "badge" });
  part.since = element("span", { class: "faint" });
  part.line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const chart = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of [["viewBox", "0 0 60 20"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) chart.setAttribute(key, value);
  chart.append(part.line);
  part.reason = element("p", { class: "reason" });
  part.command = element("code", null);
  part.copy = element("button", { type: "button" }, "Copy");
  part.copy.addEventListener("click", () => copy(part));
  part.action = element("p", { class: "action" }, element("span", { class: "faint" }, "What to do:"), part.command, part.copy);
  part.error = element("p", { class: "error" });
  part.partitions = element("tbody");
  part.routes = element("tbody");
  part.definition = element("code", null);
  const table = (heads, body) => element("div", { class: "scroll" }, element("table", null,
    element("thead", null, element("tr", null, ...heads.map((head) => element("th", { scope: "col" }, head)))), body));
  part.root = element("article", { "data-name": name, "aria-label": name },
    element("div", { class: "head" }, element("h2", null, name), part.badge, part.since, chart),
    part.reason, part.action, numbers, part.error,
    element("details", null, element("summary", null, "Partitions, routes, definition"),
      element("h3", null, "Partitions here"),
      table(["Topic", "Partition", "Next", "End", "Lag"], part.partitions),
      element("h3", null, "Routes"), table(["Route", "Applied", "Definition"], part.routes),
      element("h3", null, "Definition"), part.definition));
  return { part, state: null, consumed: null, at: 0, rates: [] };
}

async function copy(part) {
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(part.command.textContent);
  } catch {
    // No clipboard without https or localhost: select it, so that Ctrl-C does.
    getSelection().selectAllChildren(part.command);
    done = "Selected";
  }
  part.copy.textContent = done;
  setTimeout(() => { part.copy.textContent = "Copy"; }, 1500);
}

function measure(card, consumed, now) {
  if (card.consumed !== null && now > card.at) {
    // A ledger that went back, or partitions that went elsewhere, are no rate.
    card.rates.push(Math.max(0, (consumed - card.consumed) * 1000 / (now - card.at)));
    if (card.rates.length > HISTORY) card.rates.shift();
  }
  card.consumed = consumed;
  card.at = now;
}

function rows(body, all) {
  while (body.rows.length > all.length) body.deleteRow(-1);
  all.forEach((cells, index) => {
    const row = body.rows[index] || body.insertRow();
    cells.forEach((text, at) => put(row.cells[at] || row.insertCell(), text));
  });
}

function showCard(card, one, now) {
  const part = card.part;
  measure(card, one.counters.consumed, now);
  const rate = card.rates.length ? card.rates[card.rates.length - 1] : null;
  part.root.dataset.state = part.badge.dataset.state = one.state;
  put(part.badge, `${SIGN[one.state] || ""} ${one.state}`);
  put(part.since, `since ${one.since.replace("T", " ").replace("Z", " UTC")}`);
  put(part.reason, one.reason);
  part.reason.hidden = !one.reason;
  put(part.command, one.action);
  part.action.hidden = !one.action;
  part.copy.hidden = !one.action.startsWith("KAFKA.");
  put(part.error, `Last error: ${one.last_error}`);
  part.error.hidden = !one.last_error || one.reason.includes(one.last_error);
  put(part.rate, rate === null ? "–" : number(rate));
  put(part.lag, number(one.lag));
  put(part.age, duration(one.lag_seconds));
  put(part.eta, one.eta_seconds === null && one.lag > 0 ? "–" : duration(one.eta_seconds));
  for (const key of ["consumed", "applied", "filtered", "deadlettered", "skipped"]) put(part[key], number(one.counters[key]));
  const top = Math.max(1, ...card.rates);
  part.line.setAttribute("points", card.rates.map((value, index) => `${index + HISTORY - card.rates.length},${19 - 18 * value / top}`).join(" "));
  rows(part.partitions, one.tasks.map((task) => [task.topic, String(task.partition), number(task.next), number(task.end), number(task.lag)]));
  rows(part.routes, one.routes.map((route) => [route.name, number(route.applied), route.definition]));
  put(part.definition, one.definition);
  if (card.state !== null && card.state !== one.state) put($("announcement"), `${one.name} is ${one.state}. ${one.reason}`);
  card.state = one.state;
  return rate;
}

function show(all) {
  const now = performance.now();
  const list = all.subscriptions.slice().sort((a, b) =>
    ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || (a.name < b.name ? -1 : 1));
  for (const [name, card] of cards) {
    if (!list.some((one) => one.name === name)) {
      card.part.root.remove();
      cards.delete(name);
    }
  }
  let rate = null;
  list.forEach((one, index) => {
    if (!cards.has(one.name)) cards.set(one.name, makeCard(one.name));
    const card = cards.get(one.name), own = showCard(card, one, now);
    if (own !== null) rate = (rate || 0) + own;
    // Moved only when out of place: a move would take away focus and selection.
    const place = $("subscriptions").children[index];
    if (place !== card.part.root) $("subscriptions").insertBefore(card.part.root, place || null);
  });
  const stopped = list.filter((one) => one.state === "stopped").length;
  put($("version"), all.version);
  put($("instance"), all.instance);
  put($("redis-url"), all.redis.url);
  put($("redis-state"), all.redis.up ? "up" : "away");
  $("redis-state").dataset.state = all.redis.up ? "running" : "stopped";
  put($("count"), number(list.length));
  put($("stopped"), number(stopped));
  put($("rate"), rate === null ? "–" : number(rate));
  const known = list.filter((one) => one.lag !== null);
  put($("lag"), list.length && !known.length ? "?" : number(known.reduce((sum, one) => sum + one.lag, 0)));
  $("empty").hidden = list.length > 0;
  notice([all.redis.reason && `Redis: ${all.redis.reason}`, all.standby && `Standing by: ${all.standby}`].filter(Boolean).join(" — "));
  document.title = (stopped ? `(${stopped}) ` : "") + "redis-kafka";
}

function notice(text) {
  put($("notice"), text);
  $("notice").hidden = !text;
}

async function look() {
  try {
    const response = await fetch("/subscriptions", { signal: AbortSignal.timeout(PATIENCE) });
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    show(body);
    seen = new Date();
    put($("seen"), seen.toLocaleTimeString());
  } catch (error) {
    notice(`No answer from redis-kafka${seen ? " since " + seen.toLocaleTimeString() : ""} (${error.message}); what is below is old. Asking again.`);
  }
  setTimeout(look, PERIOD);
}

look();
