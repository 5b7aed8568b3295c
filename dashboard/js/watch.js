// @ts-check
/** Whether a part of the page is in view: on the screen, in a tab that is shown. */

/**
 * @param {Element} element
 * @param {(visible: boolean) => void} tell called whenever it changes
 */
export function watchVisible(element, tell) {
  let on_screen = false;
  const update = () => tell(on_screen && !document.hidden);
  const observer = new IntersectionObserver((entries) => {
    on_screen = entries.at(-1)?.isIntersecting ?? false;
    update();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", update);
}
