// Shows what arrives, once a notice, and opens the page of its piece.

addEventListener("push", (event) => {
  const { title, body, lang, tag, page } = event.data.json();
  event.waitUntil(registration.showNotification(title, { body, lang, tag, data: page, icon: "icon.svg" }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(clients.openWindow(event.notification.data));
});
