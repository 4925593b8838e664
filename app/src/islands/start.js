// Starts the islands of a page. Leptos would write the like of it into each page (`HydrationScripts`); here it is in the
// file that is loaded anyway, so that no page has an inline script.
import init, * as app from 'bindings';

// Like Leptos, once the browser has nothing more urgent to do.
const idle = window.requestIdleCallback ?? ((run) => run());

idle(async () => {
  await init();
  app.hydrate();
  for (const island of document.querySelectorAll('leptos-island')) {
    // An island among the children of another one has that one's contexts.
    island.parentElement.closest('leptos-children')?.$$on_hydrate?.();
    app[island.dataset.component](island);
  }
});
