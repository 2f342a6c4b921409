import type { NetworkView, Session, Status } from "./api/queries.ts";
import { FilesScreen } from "./files/files-screen.tsx";
import { SearchScreen } from "./files/search-screen.tsx";
import { TrashScreen } from "./files/trash-screen.tsx";
import { useRoute } from "./navigation.ts";
import { NetworkScreen } from "./network/network-screen.tsx";
import { SettingsScreen } from "./settings/settings-screen.tsx";
import type { Uploads } from "./uploads/uploads.ts";

export interface ScreenProps {
  readonly status: Status;
  readonly session: Session;
  readonly network: NetworkView;
  readonly uploads: Uploads;
}

export function Screens(props: ScreenProps) {
  const [route, navigate] = useRoute();
  switch (route.screen) {
    case "files":
      return <FilesScreen route={route} navigate={navigate} network={props.network} uploads={props.uploads} />;
    case "search":
      return <SearchScreen route={route} navigate={navigate} network={props.network} uploads={props.uploads} />;
    case "trash":
      return <TrashScreen />;
    case "network":
      return <NetworkScreen network={props.network} />;
    default:
      return <SettingsScreen {...props} />;
  }
}
