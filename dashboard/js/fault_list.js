// @ts-check
/** The faults that act, with a running clock and what ends them; and those that are over, with the time to recovery. */

import { PAST_FAULTS_SHOWN } from "./config.js";
import { byId, fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";
import { faultClock, faultName, isHidden } from "./faults_wire.js";
import { count, timeOfDay } from "./format.js";

/** @typedef {import("./faults_wire.js").FaultState} FaultState */
/** @typedef {import("./types.js").Fault} Fault */
/** @typedef {import("./types.js").FaultKind} FaultKind */
/** @typedef {(id: number, action: "undo" | "reveal") => void} Act */

class Row {
  /** @param {number} id @param {Act} act */
  constructor(id, act) {
    this.element = fromTemplate("fault-template");
    this.element.dataset.fault = String(id);
    this.field = fieldsOf(this.element);
    this.field("undo").addEventListener("click", () => act(id, "undo"));
    this.field("reveal").addEventListener("click", () => act(id, "reveal"));
  }

  /** @param {Fault} fault @param {FaultKind | undefined} kind @param {number} now_us */
  draw(fault, kind, now_us) {
    const name = faultName(fault, kind);
    setText(this.field("time"), timeOfDay(fault.began_us));
    setText(this.field("name"), name);
    setText(this.field("clock"), faultClock(fault, now_us));
    setAttribute(this.element, "data-state", fault.state);
    const undoable = fault.state === "active" && (isHidden(fault) || (kind?.undoable ?? true));
    this.#offer("undo", undoable, `Undo ${name}`);
    this.#offer("reveal", isHidden(fault), `Reveal ${name} of ${timeOfDay(fault.began_us)}`);
  }

  /** @param {"undo" | "reveal"} name @param {boolean} offered @param {string} said for who sees the button alone */
  #offer(name, offered, said) {
    this.field(name).hidden = !offered;
    setAttribute(this.field(name), "aria-label", said);
  }
}

export class FaultList {
  #active = byId("faults-active");
  #past = byId("faults-past");
  #none = byId("faults-none");
  #count = byId("faults-count");
  #undoAll = /** @type {HTMLButtonElement} */ (byId("faults-undo"));
  /** @type {Map<number, Row>} */
  #rows = new Map();

  /** @param {Act} act @param {() => void} undoAll */
  constructor(act, undoAll) {
    this.act = act;
    this.#undoAll.addEventListener("click", undoAll);
  }

  /** @param {FaultState} state @param {number} now_us */
  draw({ catalog, faults }, now_us) {
    const kinds = new Map(catalog.map((kind) => [kind.kind, kind]));
    const active = faults.filter(({ state }) => state === "active");
    const over = faults.filter(({ state }) => state !== "active");
    const past = over.slice(-PAST_FAULTS_SHOWN).reverse();
    const held = document.activeElement;
    const had_focus = held !== null && (this.#active.contains(held) || this.#past.contains(held));
    for (const fault of [...active, ...past]) this.#row(fault.id).draw(fault, kinds.get(fault.kind), now_us);
    this.#fill(this.#active, active);
    this.#fill(this.#past, past);
    const kept = new Set([...active, ...past].map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!kept.has(id)) this.#rows.delete(id);
    this.#none.hidden = active.length > 0;
    this.#undoAll.disabled = active.length === 0;
    const older = over.length - past.length;
    const parts = [`${count(over.length)} over`, ...(older > 0 ? [`the newest ${past.length} are listed`] : [])];
    setText(this.#count, parts.join("; "));
    // A row that went or moved takes the keyboard's place with it: go on from the list.
    if (had_focus && (!document.contains(held) || held !== document.activeElement)) byId("fault-list").focus();
  }

  /** @param {number} id */
  #row(id) {
    const row = this.#rows.get(id) ?? new Row(id, this.act);
    this.#rows.set(id, row);
    return row;
  }

  /** @param {HTMLElement} list @param {Fault[]} faults */
  #fill(list, faults) {
    const wanted = faults.map(({ id }) => this.#row(id).element);
    if (wanted.length === list.children.length && wanted.every((each, i) => each === list.children[i])) return;
    list.replaceChildren(...wanted);
  }
}
