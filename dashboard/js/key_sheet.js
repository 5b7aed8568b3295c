// @ts-check
/** Hears the shortcuts, and shows the sheet that lists them. */

import { byId, fieldsOf } from "./dom.js";
import { meantBy } from "./shortcuts.js";

/** @typedef {import("./shortcuts.js").Shortcut} Shortcut */
/** @typedef {import("./view_state.js").ViewState} ViewState */

const TYPED_INTO = "input:not([type=range], [type=checkbox], [type=radio]), select, textarea";

export class KeySheet {
  #sheet = /** @type {HTMLDialogElement} */ (byId("key-sheet"));
  #field = fieldsOf(this.#sheet);

  /** @param {Shortcut[]} shortcuts @param {ViewState} view */
  constructor(shortcuts, view) {
    this.view = view;
    const all = [...shortcuts, { key: "?", meaning: "This sheet", run: () => this.open() }];
    this.#field("list").append(...all.flatMap(rowOf));
    this.#box.addEventListener("change", () => view.setKeys(this.#box.checked));
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof Element && event.target.closest(TYPED_INTO) !== null;
      const dialog = document.querySelector("dialog[open]") !== null;
      const meant = meantBy(all, event, { typing, dialog, on: view.keys });
      if (!meant) return;
      event.preventDefault();
      meant.run();
    });
  }

  get #box() {
    return /** @type {HTMLInputElement} */ (this.#field("on"));
  }

  open() {
    this.#box.checked = this.view.keys;
    this.#sheet.showModal();
  }
}

/** @param {Shortcut} shortcut */
function rowOf({ key, meaning }) {
  const name = document.createElement("dt");
  const kbd = document.createElement("kbd");
  kbd.textContent = key.toUpperCase();
  name.append(kbd);
  const text = document.createElement("dd");
  text.textContent = meaning;
  return [name, text];
}
