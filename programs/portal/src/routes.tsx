import { useState } from "react";
import type { NetworkView, Session, Status } from "./api/queries.ts";
import { AppScreen } from "./apps/app-screen.tsx";
import { AppTrashScreen } from "./apps/app-trash-screen.tsx";
import { AppsScreen } from "./apps/apps-screen.tsx";
import { CatalogScreen } from "./apps/catalog-screen.tsx";
import { CatalogsScreen } from "./apps/catalogs-screen.tsx";
import { FilesScreen } from "./files/files-screen.tsx";
import { SearchScreen } from "./files/search-screen.tsx";
import { TrashScreen } from "./files/trash-screen.tsx";
import { useRoute } from "./navigation.ts";
import { NetworkScreen } from "./network/network-screen.tsx";
import { home } from "./routes.ts";
import { BootScreen } from "./security/boot-screen.tsx";
import { CheckPhrase } from "./security/check-phrase.tsx";
import { NewPhraseWizard } from "./security/new-phrase-wizard.tsx";
import { ResetForm } from "./security/reset-form.tsx";
import { SecurityScreen } from "./security/security-screen.tsx";
import { SheetScreen } from "./security/sheet-screen.tsx";
import { SubPage } from "./security/sub-page.tsx";
import { SettingsScreen } from "./settings/settings-screen.tsx";
import type { Uploads } from "./uploads/uploads.ts";

export interface ScreenProps {
  readonly status: Status;
  readonly session: Session;
  readonly network: NetworkView;
  readonly uploads: Uploads;
  readonly onReset: () => void;
}

/** The network's name, where there is somebody to be told that the owner leaves. */
const leavable = ({ state, name, members }: NetworkView): string | undefined =>
  state === "member" && members.some(({ self }) => !self) ? name : undefined;

export function Screens(props: ScreenProps) {
  const [route, navigate] = useRoute();
  const { network, uploads } = props;
  const [folder, setFolder] = useState<string>(home.folder);
  if (route.screen === "files" && route.folder !== folder) setFolder(route.folder);
  switch (route.screen) {
    case "files":
      return <FilesScreen route={route} navigate={navigate} network={network} uploads={uploads} />;
    case "search":
      return <SearchScreen route={route} folder={folder} navigate={navigate} network={network} uploads={uploads} />;
    case "trash":
      return <TrashScreen />;
    case "apps":
      return <AppsScreen />;
    case "app":
      return <AppScreen key={route.id} id={route.id} />;
    case "catalog":
      return <CatalogScreen />;
    case "catalogs":
      return <CatalogsScreen />;
    case "app-trash":
      return <AppTrashScreen />;
    case "network":
      return <NetworkScreen network={network} />;
    case "security":
      switch (route.part) {
        case "check":
          return <CheckPhrase />;
        case "new-phrase":
        case "re-key":
        case "reclaim":
          return <NewPhraseWizard key={route.part} purpose={route.part} />;
        case "boot":
          return <BootScreen />;
        case "sheet":
          return <SheetScreen />;
        case "reset":
          return (
            <SubPage title="Reset this device">
              <ResetForm
                deviceName={props.status.deviceName}
                proof={{ by: "owner", network: leavable(network) }}
                onReset={props.onReset}
              />
            </SubPage>
          );
        default:
          return <SecurityScreen session={props.session} />;
      }
    case "recover":
      return <FilesScreen route={home} navigate={navigate} network={network} uploads={uploads} />;
    default:
      return <SettingsScreen {...props} />;
  }
}
