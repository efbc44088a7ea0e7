"""What tests of pages share: how to tell that a page has done what it was told to."""

from playwright.sync_api import Page

# Resolves once nothing is loading and nothing has changed for a while and two frames more: the
# viewer draws in the next frame, and says what it has drawn in the one after.
_SETTLE = """(quiet) => new Promise((settle, fail) => {
  let changes = 0;
  const observer = new MutationObserver(() => (changes += 1));
  observer.observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
  const isLoading = () => document.querySelector('[data-pane][data-state=loading], #mpr[data-state=loading]');
  const look = () => {
    const before = changes;
    const decide = () => (changes === before && !isLoading() ? settle() : look());
    setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(decide)), quiet);
  };
  setTimeout(() => fail(new Error('The page does not settle.')), 20_000);
  look();
})"""


def settle(page: Page, *, milliseconds: int = 100) -> None:
    """Wait until the page has drawn all that it was told to draw, and been quiet for so long."""
    page.evaluate(_SETTLE, milliseconds)
