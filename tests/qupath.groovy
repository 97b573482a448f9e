/*
 * Runs a QuPath script without QuPath: what it calls of QuPath's class QP stands here, with the signatures of its
 * source (QP.java). Arguments: image, folder of the project, drawn objects (GeoJSON), script, times.
 */
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilerConfiguration

interface Server { Collection<URI> getURIs() }
interface Entry { String getID() }

class PathClass {
    String name
    String toString() { name }
}

class PathObject {
    Map feature
    UUID getID() { UUID.fromString(feature.id) }
    PathClass getPathClass() {
        def name = feature.properties.classification?.name
        name == null ? null : new PathClass(name: name)
    }
}

abstract class QP extends Script {
    static final String PROJECT_BASE_DIR = "{%PROJECT}"
    static List<PathObject> objects = []
    static String image, project
    static Server getCurrentServer() { [getURIs: { [new File(image).toURI()] }] as Server }
    static Entry getProjectEntry() { [getID: { "1" }] as Entry }
    static Collection<PathObject> getAnnotationObjects() { new ArrayList(objects) }
    static void removeObjects(Collection<PathObject> some, boolean keepChildren) { objects.removeAll(some) }
    static boolean mkdirs(String path) { def file = new File(path); !file.exists() && file.mkdirs() }
    static String buildFilePath(String... path) {
        path.drop(1).inject(new File(path[0].replace(PROJECT_BASE_DIR, project))) { file, part -> new File(file, part) }.path
    }
    static void exportObjectsToGeoJson(Collection<PathObject> some, String path, String option, String... more) {
        assert option == "FEATURE_COLLECTION"
        new File(path).setText(JsonOutput.toJson([type: "FeatureCollection", features: some*.feature]), "UTF-8")
    }
    static boolean importObjectsFromFile(String path) {
        objects.addAll(new JsonSlurper().parse(new File(path), "UTF-8").features.collect { new PathObject(feature: it) })
    }
}

QP.image = args[0]
QP.project = args[1]
QP.importObjectsFromFile(args[2])
def shell = new GroovyShell(QP.classLoader, new Binding(), new CompilerConfiguration(scriptBaseClass: "QP"))
args[4].toInteger().times {
    shell.evaluate(new File(args[3]))
    println "OBJECTS " + JsonOutput.toJson(QP.objects.countBy { it.pathClass?.toString() })
}
