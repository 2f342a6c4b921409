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
import { parseClaimLink } from "./session/claim-link.ts";
import { createUploads } from "./uploads/uploads.ts";

const claimLink = parseClaimLink(location.hash);
// The code is a secret: it leaves the address bar and the history before anything else happens.
if (claimLink !== undefined) history.replaceState(null, "", location.pathname + location.search);

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
        <App claimLink={claimLink} uploads={uploads} />
      </Toasts>
    </QueryClientProvider>
  </StrictMode>,
);
