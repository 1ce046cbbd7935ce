import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import org.neo4j.causalclustering.core.OpenEnterpriseCoreGraphDatabase;
import org.neo4j.causalclustering.readreplica.OpenEnterpriseReadReplicaGraphDatabase;
import org.neo4j.graphdb.GraphDatabaseService;
import org.neo4j.graphdb.Label;
import org.neo4j.graphdb.Node;
import org.neo4j.graphdb.Transaction;
import org.neo4j.graphdb.factory.GraphDatabaseFactory;
import org.neo4j.kernel.GraphDatabaseDependencies;
import org.neo4j.kernel.configuration.Config;

/**
 * An ONgDB 1.0.3 server without HTTP and Bolt, but with real SSL policies: HOME (with conf/ongdb.conf)
 * CORE|READ_REPLICA|SINGLE. Commands on standard input: "write N" (one transaction of N nodes; only the leader can),
 * "count", "quit".
 */
public class OngdbServer {
  private static GraphDatabaseService start(String mode, File store, Config config) {
    GraphDatabaseDependencies dependencies = GraphDatabaseDependencies.newDependencies();
    switch (mode) {
      case "CORE":
        return new OpenEnterpriseCoreGraphDatabase(store, config, dependencies);
      case "READ_REPLICA":
        return new OpenEnterpriseReadReplicaGraphDatabase(store, config, dependencies);
      default:
        return new GraphDatabaseFactory().newEmbeddedDatabase(store);
    }
  }

  public static void main(String[] args) throws Exception {
    File home = new File(args[0]);
    File store = new File(home, "data/databases/graph.db");
    Config config = Config.fromFile(new File(home, "conf/ongdb.conf").toPath()).withHome(home).build();
    GraphDatabaseService db = start(args[1], store, config);
    System.out.println("STARTED");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    String line;
    while ((line = commands.readLine()) != null && !line.equals("quit")) {
      try (Transaction tx = db.beginTx()) {
        if (line.startsWith("write ")) {
          int nodes = Integer.parseInt(line.substring(6));
          for (int i = 0; i < nodes; i++) {
            Node node = db.createNode(Label.label("P"));
            node.setProperty("i", i);
          }
          tx.success();
          System.out.println("WROTE " + nodes);
        } else if (line.equals("count")) {
          System.out.println("COUNT " + db.getAllNodes().stream().count());
        }
      } catch (Exception e) {
        System.out.println("ERROR " + e);
      }
    }
    db.shutdown();
  }
}
