# Two Debian packages, made by `./dev package`: tomada (host, worker, plugins, unit, settings) and tomada-plugin-dev (what
# plugin-api installs). Both are laid out so that any --prefix works as /usr does.
include(GNUInstallDirs)
set(package_dir ${CMAKE_CURRENT_LIST_DIR})

find_program(GZIP gzip REQUIRED)
set(maintainer "Tomada contributors <maintainers@tomada.invalid>")

# share/doc/PACKAGE as Debian wants it, and what lintian has to know.
function(tomada_package_documents package component changelog)
  set(folder ${CMAKE_BINARY_DIR}/package/${package})
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  file(WRITE ${folder}/changelog.Debian
    "${package} (${PROJECT_VERSION}-1) stable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${maintainer}  ${now}\n")
  configure_file(${changelog} ${folder}/changelog COPYONLY)
  execute_process(COMMAND ${GZIP} -9nf ${folder}/changelog ${folder}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${folder}/changelog.gz ${folder}/changelog.Debian.gz DESTINATION share/doc/${package} COMPONENT ${component})
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/${package} RENAME copyright COMPONENT ${component})
  install(FILES ${package_dir}/${package}.lintian DESTINATION share/lintian/overrides RENAME ${package} COMPONENT ${component})
endfunction()
tomada_package_documents(tomada host ${CMAKE_SOURCE_DIR}/CHANGELOG.md)
tomada_package_documents(tomada-plugin-dev sdk ${CMAKE_SOURCE_DIR}/plugin-api/CHANGELOG.md)
configure_file(${package_dir}/tomada.1 ${CMAKE_BINARY_DIR}/package/tomada.1 COPYONLY)
execute_process(COMMAND ${GZIP} -9nf ${CMAKE_BINARY_DIR}/package/tomada.1 COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${CMAKE_BINARY_DIR}/package/tomada.1.gz DESTINATION share/man/man1 COMPONENT host)
install(FILES ${CMAKE_BINARY_DIR}/package/tomada.1.gz DESTINATION share/man/man1 RENAME tomada-worker.1.gz COMPONENT host)

install(TARGETS tomada tomada-worker RUNTIME DESTINATION bin COMPONENT host)
install(FILES ${package_dir}/tomada.service DESTINATION lib/systemd/system COMPONENT host)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk-docs/ DESTINATION share/doc/tomada COMPONENT host)  # pages link to each other
install(DIRECTORY ${CMAKE_SOURCE_DIR}/sdk-docs/ DESTINATION share/doc/tomada-plugin-dev COMPONENT sdk)

set(CPACK_GENERATOR DEB)
set(CPACK_OUTPUT_FILE_PREFIX ${CMAKE_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS ${package_dir}/outside_prefix.cmake)
set(CPACK_TOMADA_SETTINGS ${CMAKE_SOURCE_DIR}/config/tomada.toml)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${maintainer})
set(CPACK_COMPONENTS_ALL host plugins sdk)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENT_HOST_GROUP tomada)
set(CPACK_COMPONENT_PLUGINS_GROUP tomada)
set(CPACK_COMPONENT_SDK_GROUP dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_TOMADA_PACKAGE_NAME tomada)
set(CPACK_DEBIAN_TOMADA_PACKAGE_SECTION net)
set(CPACK_DEBIAN_TOMADA_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOMADA_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_TOMADA_PACKAGE_SUGGESTS "tomada-plugin-dev, postgresql (>= 14)")
set(CPACK_DEBIAN_TOMADA_DESCRIPTION "integration host with provider plugins
Tomada loads provider plugins (Stripe, S3 and more) as shared libraries,
each in a worker process of its own, and gives them HTTP, limits, retries,
storage and credentials. It syncs records, takes webhooks in and never loses
one that it acknowledged, and is run over REST and the command line. It
starts with an embedded store and grows to many hosts on PostgreSQL.")
set(CPACK_DEBIAN_TOMADA_PACKAGE_CONTROL_EXTRA
  ${package_dir}/postinst ${package_dir}/prerm ${package_dir}/postrm ${package_dir}/conffiles)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME tomada-plugin-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "tomada, cmake, g++, nlohmann-json3-dev, rapidjson-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "cargo, rustc (>= 1.63), golang-go, ninja-build")
set(CPACK_DEBIAN_DEV_DESCRIPTION "header and templates for plugins of the Tomada host
One C header, a C++ glue, a CMake package, and the projects that the command
'tomada plugin new' makes in C, C++, Rust and Go. The package tomada has the
host, and the tool that checks a plugin file.")

include(CPack)
