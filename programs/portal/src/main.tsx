import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { listenToRefusals } from "./api/device.ts";
import { keys } from "./api/keys.ts";
import { isTurnedAway } from "./api/problem.ts";
import { createQueryClient } from "./api/queries.ts";
import { App } from "./app.tsx";
import { Toasts } from "./design/toasts.tsx";
import "./design/portal.css";
import { watchForClaimLinks } from "./session/arriving-link.ts";
import { createUploads } from "./uploads/uploads.ts";

watchForClaimLinks();

const client = createQueryClient();
const askStatus = (): void => void client.invalidateQueries({ queryKey: keys.status });
listenToRefusals((error) => {
  if (isTurnedAway(error)) askStatus();
});
const uploads = createUploads(() => {
  askStatus();
  void client.invalidateQueries({ queryKey: keys.session });
});

const place = document.getElementById("portal");
if (place === null) throw new Error("the page has no place for the portal");
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Toasts>
        <App uploads={uploads} />
      </Toasts>
    </QueryClientProvider>
  </StrictMode>,
);
