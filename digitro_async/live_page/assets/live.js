"use strict";

// What a browser shows of a campaign. It asks nobody but the server that it came from.

const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en");

function cell(text, isNumber) {
  const made = document.createElement("td");
  made.textContent = text;
  if (isNumber) made.className = "number";
  return made;
}

function shown(value) {
  return value === null || value === undefined ? "-" : numbers.format(value);
}

function capOf(one) {
  if (one.cap === null) return "-";
  return one.per === 1 ? shown(one.cap) : `${shown(one.cap)} in ${one.per} s`;
}

function showFacts(facts) {
  const who = facts.dials === "this process" ? "This process" : facts.dials;
  const begun = `${shown(facts.calls)} ${facts.calls === 1 ? "call" : "calls"} begun`;
  byId("dials").textContent = facts.dials
    ? `${who} ${facts.dials.includes(", ") ? "dial" : "dials"}: ${begun}, ${shown(facts.in_flight)} on the wire`
    : "Nobody dials now.";
  const rows = facts.pabx.map((one) => {
    const row = document.createElement("tr");
    row.className = one.paused ? "is-paused" : "";
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = one.name;
    const rate = one.rate === null ? "-" : one.rate.toFixed(1);
    row.append(
      name,
      cell(one.paused ? `paused: ${one.words}` : one.words, false),
      cell(rate, true),
      cell(capOf(one), true),
      cell(shown(one.in_flight), true),
      cell(shown(one.in_progress), true),
      cell(shown(one.calls), true),
    );
    return row;
  });
  byId("pabx").replaceChildren(...rows);
  showNames(facts.pabx.map((one) => one.name));
}

function showNames(names) {
  const choice = byId("order-pabx");
  const known = Array.from(choice.options, (one) => one.value);
  if (known.join("\n") === names.join("\n")) return; // whoever chooses is not disturbed
  choice.replaceChildren(...names.map((name) => new Option(name, name)));
}

const drawn = new Map(); // what stands in each section

function showView(view) {
  const place = byId("view");
  if (view.problem) {
    if (!drawn.size) place.textContent = view.problem;
    return;
  }
  byId("name").textContent = view.name;
  document.title = `${view.name}: live`;
  if (!drawn.size) place.replaceChildren();
  const keys = new Set(view.sections.map((one) => one.key));
  for (const key of drawn.keys()) {
    if (!keys.has(key)) {
      drawn.delete(key);
      byId(`part-${key}`).remove();
    }
  }
  let before = null;
  for (const one of view.sections) {
    let part = byId(`part-${one.key}`);
    if (!part) {
      part = sectionOf(one);
      if (before) before.after(part);
      else place.prepend(part);
    }
    if (drawn.get(one.key) !== one.html) {
      fill(part.querySelector(".body"), one.html);
      drawn.set(one.key, one.html);
    }
    before = part;
  }
}

function sectionOf(one) {
  const part = document.createElement(one.title ? "section" : "div");
  part.id = `part-${one.key}`;
  if (one.title) {
    const title = document.createElement("h2");
    title.id = one.key;
    title.textContent = one.title;
    part.append(title);
  }
  const body = document.createElement("div");
  body.className = "body";
  part.append(body);
  return part;
}

function fill(body, html) {
  // Whoever reads on stays where they are: open parts stay open, scrolled ones scrolled.
  const open = Array.from(body.querySelectorAll("details"), (one) => one.open);
  const left = Array.from(body.querySelectorAll(".scroll"), (one) => one.scrollLeft);
  const focused = Array.from(body.querySelectorAll(".scroll")).indexOf(
    document.activeElement,
  );
  body.innerHTML = html; // made by the server of texts that it escaped
  body.querySelectorAll("details").forEach((one, at) => (one.open = Boolean(open[at])));
  body.querySelectorAll(".scroll").forEach((one, at) => {
    one.scrollLeft = left[at] || 0;
    if (at === focused) one.focus({ preventScroll: true });
  });
}

function listen() {
  const events = new EventSource("/events");
  const state = byId("connection");
  const say = (text) => {
    if (state.textContent !== text) state.textContent = text;
  };
  events.addEventListener("facts", (event) => {
    say("Live");
    showFacts(JSON.parse(event.data));
  });
  events.addEventListener("view", (event) => showView(JSON.parse(event.data)));
  events.addEventListener("error", () => say("Not connected: trying again ..."));
  addEventListener("pagehide", () => events.close());
}

function orderOf(kind) {
  const pabx = byId("order-pabx").value;
  switch (kind) {
    case "withdraw":
      return { order: kind, contact: byId("contact").value };
    case "set_rate":
      return { order: kind, pabx, calls: Number(byId("calls").value), per: 1 };
    case "configured":
      return { order: "set_rate", pabx, calls: null, per: 1 };
    default:
      return { order: kind, pabx };
  }
}

async function give(kind) {
  const answer = byId("answer");
  answer.textContent = "...";
  try {
    const response = await fetch("/orders", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-Digitro-Token": byId("token").value,
      },
      body: JSON.stringify(orderOf(kind)),
      referrerPolicy: "no-referrer",
    });
    const said = await response.json();
    if (response.ok) {
      answer.textContent =
        kind === "withdraw" ? `The contact is ${said.value} now.` : "Done.";
    } else if (said.error === "wrong_token") {
      answer.textContent = "The token is wrong; nothing was changed.";
    } else {
      answer.textContent = `Not done: ${said.error}`;
    }
  } catch {
    answer.textContent = "The server does not answer; whether it was done is not known.";
  }
}

if (document.body.dataset.orders === "yes") {
  byId("orders").hidden = false;
  byId("order-form").addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("[data-order]").forEach((button) => {
    button.addEventListener("click", () => give(button.dataset.order));
  });
}
listen();
