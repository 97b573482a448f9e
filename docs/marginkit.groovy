/*
 * Measures the image that is open in QuPath (0.4 or later) with marginkit, and brings the result back as annotations.
 * Annotations wanted: class "Tumor"; class "Specimen" if there is one, else marginkit looks for the tissue itself.
 * Run it again as often as you like: what an earlier run brought is taken away first.
 */
def program = "marginkit"        // the command; with its folder if QuPath does not find it
def state = "slide"
def policies = ["uicc-r-plus-1mm"]

def image = java.nio.file.Paths.get(getCurrentServer().getURIs()[0]).toString()
def folder = buildFilePath(PROJECT_BASE_DIR, "marginkit", getProjectEntry().getID())
mkdirs(folder)

// what an earlier run brought is known by its ids; nothing else is ever taken away
def result = new File(folder, "margins.geojson")
def ids = result.exists() ? new groovy.json.JsonSlurper().parse(result, "UTF-8").features*.id as Set : [] as Set
def earlier = getAnnotationObjects().findAll { it.getID().toString() in ids }

def drawn = getAnnotationObjects().findAll { it.getPathClass()?.toString() in ["Tumor", "Specimen"] && !(it in earlier) }
def outlines = buildFilePath(folder, "drawn.geojson")
exportObjectsToGeoJson(drawn, outlines, "FEATURE_COLLECTION")

def hasSpecimen = drawn.any { it.getPathClass().toString() == "Specimen" }
def words = [program, "measure", image, "--tumor", outlines + "#Tumor",
             "--specimen", hasSpecimen ? outlines + "#Specimen" : "specimen", "--state", state, "--out", folder]
policies.each { words += ["--policy", it] }

def said = new File(folder, "said.txt")
def done = new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(said).start().waitFor()
print said.text
if (done != 0) {
    println "marginkit stopped (" + done + "): " + words.join(" ")
    return
}

removeObjects(earlier, true)
importObjectsFromFile(result.getPath())
println "Report: " + buildFilePath(folder, "report.html")
