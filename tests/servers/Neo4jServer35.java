import java.util.Collection;
import java.util.Collections;
import org.neo4j.graphdb.facade.GraphDatabaseDependencies;
import org.neo4j.kernel.configuration.Config;
import org.neo4j.kernel.configuration.ConfigurationValidator;
import org.neo4j.server.NeoServer;
import org.neo4j.server.ServerBootstrapper;
import org.neo4j.server.database.EnterpriseGraphFactory;
import org.neo4j.server.database.GraphFactory;
import org.neo4j.server.enterprise.OpenEnterpriseNeoServer;

/** Entry point for the public enterprise jars of 3.5.0-beta03, which have none of their own: --home-dir=H --config-dir=H/conf. */
public class Neo4jServer35 extends ServerBootstrapper {
  @Override
  protected GraphFactory createGraphFactory(Config config) {
    return new EnterpriseGraphFactory();
  }

  @Override
  protected NeoServer createNeoServer(GraphFactory factory, Config config, GraphDatabaseDependencies dependencies) {
    return new OpenEnterpriseNeoServer(config, factory, dependencies);
  }

  @Override
  protected Collection<ConfigurationValidator> configurationValidators() {
    return Collections.emptyList();
  }

  public static void main(String[] args) {
    int status = ServerBootstrapper.start(new Neo4jServer35(), args);
    if (status != 0) {
      System.exit(status);
    }
  }
}
