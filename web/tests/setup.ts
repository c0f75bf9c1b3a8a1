// jsdom lays nothing out and so has no scrolling; the page asks for it after a result.
if (typeof Element !== 'undefined') Element.prototype.scrollIntoView = () => undefined;
