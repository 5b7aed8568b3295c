// @ts-check
/**
 * The few things every view does with the DOM. Texts go in by `textContent` only; hooks are `data-field`
 * attributes.
 */

import { curved } from "./apostrophe.js";

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/**
 * A copy of a template's only element.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const element = template.content.firstElementChild;
  if (!element) throw new Error(`the template #${id} is empty`);
  return /** @type {HTMLElement} */ (element.cloneNode(true));
}

/**
 * Every element below `root` that has a `data-field`, by its name.
 * @param {Element} root
 */
export function fieldsOf(root) {
  /** @type {Map<string, HTMLElement>} */
  const found = new Map();
  for (const element of root.querySelectorAll("[data-field]")) {
    found.set(/** @type {HTMLElement} */ (element).dataset.field ?? "", /** @type {HTMLElement} */ (element));
  }
  return (/** @type {string} */ name) => {
    const element = found.get(name);
    if (!element) throw new Error(`no field "${name}" here`);
    return element;
  };
}

/**
 * Set a text only where it changed, so that nothing is laid out for nothing; in the text node that is there, if it is
 * the only child: who watches the document for new elements is not woken up.
 * @param {Node} node
 * @param {string} words
 */
export function setText(node, words) {
  const text = curved(words);
  const only = node.firstChild;
  if (only === null && text === "") return;
  if (only !== null && only.nodeType === Node.TEXT_NODE && only.nextSibling === null) {
    if (only.nodeValue !== text) only.nodeValue = text;
  } else if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} element @param {string} name @param {string} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * A share for the style sheet to draw as a bar.
 * @param {HTMLElement} element
 * @param {string} name
 * @param {number} share 0 … 1
 */
export function setShare(element, name, share) {
  const value = String(Math.round(Math.max(0, Math.min(1, share || 0)) * 1000) / 1000);
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}

/**
 * Make `parent` hold exactly `wanted` children, made by `create` or taken away from the end.
 * @param {Element} parent @param {number} wanted @param {() => Element} create
 */
export function setChildren(parent, wanted, create) {
  while (parent.children.length > wanted) parent.lastElementChild?.remove();
  while (parent.children.length < wanted) parent.append(create());
}
